// Assembles the module from its types and functions.

#include "arguments.h"
#include "call.h"
#include "drift.h"
#include "functions.h"
#include "mapped_file.h"
#include "types.h"
#include "vaccine_shim_version.h"

_Static_assert(sizeof(((VaccineIntegers *)0)->width) == 4 && sizeof(int64_t) == sizeof(long long),
    "the integer types that the shim passes to Python's");

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec) {
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, type) < 0) Py_CLEAR(type);
    return type;
}

static int module_execute(PyObject *module) {
    ModuleState *state = PyModule_GetState(module);
    mapped_files_prepare();
    if ((state->buffer_type = add_type(module, &buffer_spec)) == NULL
        || (state->model_type = add_type(module, &model_spec)) == NULL
        || (state->adamw_type = add_type(module, &adamw_spec)) == NULL
        || (state->vector_type = add_type(module, &vector_spec)) == NULL
        || (state->turn_type = add_type(module, &turn_spec)) == NULL
        || (state->mapped_file_type = add_type(module, &mapped_file_spec)) == NULL)
        return -1;
    if (PyModule_AddFunctions(module, drift_state_functions) < 0
        || PyModule_AddFunctions(module, drift_metric_functions) < 0
        || PyModule_AddFunctions(module, drift_test_functions) < 0
        || PyModule_AddFunctions(module, two_sample_functions) < 0)
        return -1;
    if (PyModule_AddStringConstant(module, "__version__", VACCINE_VERSION) < 0) return -1;
    return calls_stop_at_exit() ? 0 : -1;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    ModuleState *state = PyModule_GetState(module);
    Py_VISIT(state->buffer_type);
    Py_VISIT(state->model_type);
    Py_VISIT(state->adamw_type);
    Py_VISIT(state->vector_type);
    Py_VISIT(state->turn_type);
    Py_VISIT(state->mapped_file_type);
    return 0;
}

static int module_clear(PyObject *module) {
    ModuleState *state = PyModule_GetState(module);
    Py_CLEAR(state->buffer_type);
    Py_CLEAR(state->model_type);
    Py_CLEAR(state->adamw_type);
    Py_CLEAR(state->vector_type);
    Py_CLEAR(state->turn_type);
    Py_CLEAR(state->mapped_file_type);
    return 0;
}

static void module_free(void *module) { module_clear(module); }

PyDoc_STRVAR(module_doc, "The Swift core of vaccine_swift; see the package for its use.");

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "vaccine_swift._core",
    .m_doc = module_doc,
    .m_size = sizeof(ModuleState),
    .m_methods = module_functions,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
