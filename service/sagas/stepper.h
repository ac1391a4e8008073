// Takes sagas forward step by step, many at a time: in each round every open saga decides its next step, and
// all that was decided goes to the log together. A step's effect and the record of it are one append with the
// expected versions of both streams, so that a crash leaves a step done and recorded or neither, and of two
// processes that race for it one finds it done. In a round a stream is changed by one saga at most: what is
// decided is decided on what the log holds, never on a step that may yet lose its race. One thread; throws
// StorageError where the log cannot be written: then the log tells how far each saga came.
#pragma once

#include <vector>

#include "service/sagas/saga_log.h"

namespace billhook::sagas {

class Stepper {
 public:
  Stepper(storage::Database& database, ingest::GroupCommit& group_commit, OnProgress on_progress);

  // Takes each saga on until at `now` there is nothing more to do for it. One that keeps losing races is left
  // for later.
  void Run(std::vector<SagaKey> open, UnixMicros now);

 private:
  storage::Database& database_;
  ingest::GroupCommit& group_commit_;
  OnProgress on_progress_;
};

}  // namespace billhook::sagas
