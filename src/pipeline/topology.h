// The shape of the plan: who reads whom, and in which order pipelines run.
#pragma once

#include "config/settings.h"
#include "pipeline/plan.h"

namespace tidemark {

// Fills inputs, readers and the order: pipelines sorted so that what is read runs before what reads it, by
// name among equals. A pipeline that reads from nowhere, or in a circle, which the loader reports, is left
// out of the order.
void connect_inputs(const Settings& settings, Plan& plan);

}  // namespace tidemark
