/* The tagger's arithmetic for one instruction set: compiled once for each, with WIDTH and NAME.

   Nothing is checked here: arrays and their shapes come from the Python beside this. */

#include "vectors.h"

#include "network.h"

#include "crf.h"

#include "words.h"
