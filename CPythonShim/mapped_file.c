#include "mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "types.h"

// MARK: - Where files are mapped

// In a list that the handler walks at any moment: regions are never freed but used again. `end` is
// 0 where none is mapped, and set last.
typedef struct Region {
    atomic_uintptr_t begin, end;
    atomic_bool broken;
    MappedFileObject *file;
    struct Region *next;
} Region;

static _Atomic(Region *) regions;
static uintptr_t page_mask;

// With the GIL, as all that changes regions.
static Region *region_for(MappedFileObject *file, void *memory, size_t bytes) {
    Region *region = atomic_load(&regions);
    while (region != NULL && atomic_load(&region->end) != 0) region = region->next;
    if (region == NULL) {
        if ((region = calloc(1, sizeof *region)) == NULL) return NULL;
        region->next = atomic_load(&regions);
        atomic_store(&regions, region);
    }
    region->file = file;
    atomic_store(&region->broken, false);
    atomic_store(&region->begin, (uintptr_t)memory);
    atomic_store(&region->end, ((uintptr_t)memory + bytes + page_mask) & ~page_mask);
    return region;
}

static Region *region_at(uintptr_t address) {
    for (Region *region = atomic_load(&regions); region != NULL; region = region->next) {
        const uintptr_t end = atomic_load(&region->end);
        if (atomic_load(&region->begin) <= address && address < end) return region;
    }
    return NULL;
}

// MARK: - The handler

// Zeros from the page of the address to the region's end: what was cut off, was cut off from there
// on.
static bool replace(uintptr_t address) {
    Region *region = region_at(address);
    if (region == NULL) return false;
    // Before any thread can read the zeros.
    atomic_store(&region->broken, true);
    const uintptr_t page = address & ~page_mask;
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    const size_t bytes = atomic_load(&region->end) - page;
    return mmap((void *)page, bytes, PROT_READ, kind, -1, 0) != MAP_FAILED;
}

static void pass_on(const struct sigaction *to, int signal, siginfo_t *info, void *context) {
    const bool sent = info->si_code <= 0;
    if (to->sa_flags & SA_SIGINFO) {
        to->sa_sigaction(signal, info, context);
    } else if (to->sa_handler != SIG_DFL && to->sa_handler != SIG_IGN) {
        to->sa_handler(signal);
    } else if (to->sa_handler == SIG_DFL || !sent) {
        // A fault comes again on return, and a signal that is raised here is delivered then.
        sigaction(signal, to, NULL);
        if (sent) raise(signal);
    }
}

// A handler installed over ours may put ours back and expect it to be what was there before. So
// each time that ours has to be the first again, it is another function, with its own predecessor.
enum { LAYERS = 8 };
static struct sigaction predecessors[LAYERS];

static void handle(int layer, int signal, siginfo_t *info, void *context) {
    const int error = errno;
    if (info->si_code <= 0 || !replace((uintptr_t)info->si_addr))
        pass_on(&predecessors[layer], signal, info, context);
    errno = error;
}

#define LAYER(n)                                                                                   \
    static void layer_##n(int signal, siginfo_t *info, void *context) {                            \
        handle(n, signal, info, context);                                                          \
    }
LAYER(0)
LAYER(1)
LAYER(2)
LAYER(3)
LAYER(4)
LAYER(5)
LAYER(6)
LAYER(7)

static void (*const layers[LAYERS])(int, siginfo_t *, void *)
    = {layer_0, layer_1, layer_2, layer_3, layer_4, layer_5, layer_6, layer_7};

void mapped_files_guard(void) {
    static int count;  // of the layers that may be below the first handler
    if (atomic_load(&regions) == NULL) return;
    struct sigaction first;
    if (sigaction(SIGBUS, NULL, &first) < 0) return;
    const bool has_context = first.sa_flags & SA_SIGINFO;
    for (int i = 0; has_context && i < LAYERS; i++) {
        if (first.sa_sigaction != layers[i]) continue;
        count = i + 1;
        return;
    }
    // Below no handler there is none of ours.
    if (!has_context && (first.sa_handler == SIG_DFL || first.sa_handler == SIG_IGN)) count = 0;
    const int layer = count < LAYERS ? count++ : LAYERS - 1;
    // The last one passes nothing on to handlers that might pass it back.
    predecessors[layer] = layer < LAYERS - 1 ? first : (struct sigaction){.sa_handler = SIG_DFL};
    struct sigaction ours = {.sa_sigaction = layers[layer], .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGBUS, &ours, NULL);
}

// MARK: - Whether files are whole

PyObject *mapped_file_of(const void *memory) {
    const Region *region = region_at((uintptr_t)memory);
    return region != NULL ? (PyObject *)region->file : NULL;
}

bool mapped_file_is_sound(PyObject *object) {
    const MappedFileObject *file = (MappedFileObject *)object;
    if (!atomic_load(&file->region->broken)) return true;
    PyErr_Format(
        PyExc_OSError, "%S: the file was cut short while in use, or its disk failed", file->path);
    return false;
}

bool mapped_file_is_whole(PyObject *object) {
    const MappedFileObject *file = (MappedFileObject *)object;
    struct stat now;
    // What is missing of the last page that the file has reads as zeros without a fault.
    if (fstat(file->descriptor, &now) < 0 || now.st_size < file->bytes)
        atomic_store(&file->region->broken, true);
    return mapped_file_is_sound(object);
}

bool mapped_memory_is_whole(const void *memory) {
    PyObject *file = mapped_file_of(memory);
    return file == NULL || mapped_file_is_whole(file);
}

static bool all_are_whole(void) {
    for (Region *region = atomic_load(&regions); region != NULL; region = region->next)
        if (atomic_load(&region->end) != 0 && !mapped_file_is_whole((PyObject *)region->file))
            return false;
    return true;
}

PyObject *check_mapped(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *array = Py_None;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "|O:check_mapped", &array)) return NULL;
    mapped_files_guard();
    if (array == Py_None) return all_are_whole() ? Py_NewRef(Py_None) : NULL;
    if (PyObject_GetBuffer(array, &view, PyBUF_STRIDED_RO) < 0) return NULL;
    const bool whole = mapped_memory_is_whole(view.buf);
    PyBuffer_Release(&view);
    return whole ? Py_NewRef(Py_None) : NULL;
}

// MARK: - Type

// The file behind a descriptor, which it takes; NULL with an exception.
static PyObject *mapped(PyTypeObject *type, int descriptor, PyObject *path) {
    struct stat status = {0};
    void *memory = MAP_FAILED;
    const bool known = fstat(descriptor, &status) == 0;
    if (known && (!S_ISREG(status.st_mode) || status.st_size == 0)) {
        PyErr_SetString(PyExc_ValueError, "must be a file that is not empty");
        close(descriptor);
        return NULL;
    }
    if (known) memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    MappedFileObject *self
        = memory != MAP_FAILED ? (MappedFileObject *)PyType_GenericAlloc(type, 0) : NULL;
    if (self == NULL) {
        if (errno == ENOMEM)
            PyErr_Format(PyExc_MemoryError, "%S: no room to map the file", path);
        else if (!PyErr_Occurred())
            PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        if (memory != MAP_FAILED) munmap(memory, (size_t)status.st_size);
        close(descriptor);
        return NULL;
    }
    self->memory = memory;
    self->bytes = (Py_ssize_t)status.st_size;
    self->descriptor = descriptor;
    self->path = Py_NewRef(path);
    self->region = region_for(self, memory, (size_t)status.st_size);
    if (self->region == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    mapped_files_guard();
    return (PyObject *)self;
}

static PyObject *mapped_file_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"path", NULL};
    PyObject *value, *bytes, *path;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:MappedFile", names, &value)
        || !PyUnicode_FSConverter(value, &bytes))
        return NULL;
    PyObject *result = NULL;
    if (PyUnicode_FSDecoder(value, &path)) {
        const int descriptor = open(PyBytes_AsString(bytes), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (descriptor < 0)
            PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        else
            result = mapped(type, descriptor, path);
        Py_DECREF(path);
    }
    Py_DECREF(bytes);
    return result;
}

static int mapped_file_export(MappedFileObject *self, Py_buffer *view, int flags) {
    return PyBuffer_FillInfo(view, (PyObject *)self, self->memory, self->bytes, 1, flags);
}

static void mapped_file_dealloc(MappedFileObject *self) {
    PyObject_GC_UnTrack(self);
    if (self->region != NULL) atomic_store(&self->region->end, 0);
    munmap(self->memory, (size_t)self->bytes);
    close(self->descriptor);
    Py_DECREF(self->path);
    free_object((PyObject *)self);
}

PyDoc_STRVAR(mapped_file_doc,
    "MappedFile(path)\n--\n\n"
    "The bytes of a file, mapped for reading (buffer protocol). Where the file is cut short\n"
    "meanwhile they read as zeros; `check_mapped` and every call of the core that read them raise\n"
    "OSError then.");

static PyType_Slot mapped_file_slots[] = {
    {Py_tp_doc, (void *)mapped_file_doc},
    {Py_tp_new, mapped_file_new},
    {Py_tp_traverse, traverse_type},
    {Py_tp_dealloc, mapped_file_dealloc},
    {Py_bf_getbuffer, mapped_file_export},
    {0, NULL},
};

PyType_Spec mapped_file_spec = {
    .name = "vaccine_swift._core.MappedFile",
    .basicsize = sizeof(MappedFileObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = mapped_file_slots,
};

void mapped_files_prepare(void) { page_mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1; }
