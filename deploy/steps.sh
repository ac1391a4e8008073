# shellcheck shell=bash
# For sourcing: a line a step, with what it does and, at its end, how long it took. Needs nothing.

step_began=
step() { # step WHAT: ends the step before it, if any, and begins this one
  end_step
  step_began=$SECONDS
  printf '==> %s\n' "$1"
}

end_step() {
  [[ -z $step_began ]] || printf '    done in %d s\n' $((SECONDS - step_began))
  step_began=
}
