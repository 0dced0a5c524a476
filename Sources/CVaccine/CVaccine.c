// The header is the whole module; this file gives the C target something to compile.
#include "CVaccine.h"
