// SPDX-License-Identifier: MIT
//
// The version of the library, for the preprocessor. The only place where these numbers stand: the build, the packages
// and the documentation read them here.
//
//   TAMALLOC_VERSION_MAJOR, TAMALLOC_VERSION_MINOR, TAMALLOC_VERSION_PATCH
//   TAMALLOC_VERSION          major * 10000 + minor * 100 + patch
//   TAMALLOC_VERSION_STRING   "major.minor.patch"
#pragma once

#define TAMALLOC_VERSION_MAJOR 0
#define TAMALLOC_VERSION_MINOR 1
#define TAMALLOC_VERSION_PATCH 0

#define TAMALLOC_VERSION (TAMALLOC_VERSION_MAJOR * 10000 + TAMALLOC_VERSION_MINOR * 100 + TAMALLOC_VERSION_PATCH)
#define TAMALLOC_VERSION_STRING "0.1.0"
