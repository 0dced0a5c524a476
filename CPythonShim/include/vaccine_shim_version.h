// The version of the package; pyproject.toml reads it from here.

#ifndef VACCINE_SHIM_VERSION_H
#define VACCINE_SHIM_VERSION_H

#define VACCINE_VERSION "0.1.0"

#endif
