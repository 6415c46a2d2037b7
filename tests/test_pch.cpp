// Gives the precompiled header a target to live in.
#include "test_pch.h"
