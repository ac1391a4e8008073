// Lives of few scenes: one-off payments of every kind, payouts, changes of the catalogue, v2 thin events. Not
// thread safe.
#pragma once

#include "service/simulate/fates.h"
#include "service/simulate/world.h"

namespace billhook::simulate {

// Begins a life of one of those plots at the world's present.
void BeginSinglePayment(World& world, Plot plot);
void BeginPayout(World& world);
void ChangeCatalogue(World& world);
void TellThinEvent(World& world);

}  // namespace billhook::simulate
