// Files mapped for reading that another program may cut short meanwhile.
//
// Reading a page that the file no longer has is a SIGBUS. A handler puts zeros there and marks the
// file, so that the thread goes on; whoever read from it then asks whether the file was whole, and
// gives nothing out that it was not. The handler is async-signal-safe: it reads atomics and calls
// mmap. A fault anywhere else goes to the handler that was there before.

#ifndef VACCINE_SHIM_MAPPED_FILE_H
#define VACCINE_SHIM_MAPPED_FILE_H

#include <Python.h>
#include <stdbool.h>

// See to it that the handler is the first to be called where a file is mapped, whatever other
// handlers came since. With the GIL.
void mapped_files_guard(void);

// The file, a borrowed `MappedFile`, that memory is of; NULL for other memory.
PyObject *mapped_file_of(const void *memory);

// False with OSError that names the file if that was found before.
bool mapped_file_is_sound(PyObject *file);
// False with OSError if it is not as long as when it was mapped, or a page could not be read.
bool mapped_file_is_whole(PyObject *file);
// The same of the file that memory is of; true for other memory.
bool mapped_memory_is_whole(const void *memory);

// Before all else.
void mapped_files_prepare(void);

// check_mapped(array=None)
PyObject *check_mapped(PyObject *module, PyObject *args);

#endif
