#include <stdlib.h>

#include "arguments.h"
#include "errors.h"
#include "inputs.h"
#include "model.h"

static PyObject *token_list(const int32_t *tokens, int64_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *token = PyLong_FromLong(tokens[i]);
        if (token == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, i, token);
    }
    return list;
}

static PyObject *token_lists(
    const int32_t *tokens, const int64_t *lengths, int64_t prompts, int64_t width) {
    PyObject *lists = PyList_New((Py_ssize_t)prompts);
    for (Py_ssize_t i = 0; lists != NULL && i < prompts; i++) {
        PyObject *list = token_list(tokens + i * width, lengths[i]);
        if (list == NULL)
            Py_CLEAR(lists);
        else
            PyList_SetItem(lists, i, list);
    }
    return lists;
}

typedef struct Prompts {
    Input input_ids, offsets, limits, end_tokens;
} Prompts;

// The largest limit, and no more than the context, beyond which the core refuses.
static int64_t output_width(const VaccineIntegers limits, int64_t context) {
    int64_t width = 1;
    for (int64_t i = 0; i < limits.count; i++) {
        const int64_t limit = limits.width == 4 ? ((const int32_t *)limits.values)[i]
                                                : ((const int64_t *)limits.values)[i];
        if (limit > width) width = limit;
    }
    return width < context ? width : context;
}

static PyObject *generate(
    ModelObject *self, const Prompts *prompts, VaccineGenerationOptions options) {
    const int64_t count = prompts->offsets.count > 1 ? prompts->offsets.count - 1 : 0;
    options.limits = input_as_integers(&prompts->limits);
    options.width = output_width(options.limits, self->sizes.context_length);
    const int64_t width = options.width;
    options.end_tokens = input_as_integers(&prompts->end_tokens);
    // calloc checks the product; one element more, so that nothing is not NULL.
    int64_t *lengths = calloc((size_t)count + 1, sizeof *lengths);
    int32_t *tokens = calloc((size_t)count + 1, (size_t)width * sizeof *tokens);
    PyObject *result = NULL;
    Call call;
    if (lengths == NULL || tokens == NULL) {
        PyErr_Format(PyExc_MemoryError,
            "max_new_tokens: no memory for the continuations of %lld %s of %lld %s",
            (long long)count, plural(count, "prompt", "prompts"), (long long)width,
            plural(width, "token", "tokens"));
    } else if (model_begin(self, &call)) {
        const VaccineStatus status = vaccine_model_generate(self->handle,
            input_as_integers(&prompts->input_ids), input_as_integers(&prompts->offsets), options,
            tokens, lengths, call_interrupt(&call), &call.message);
        if (model_end(self, &call, status)) result = token_lists(tokens, lengths, count, width);
    }
    free(lengths);
    free(tokens);
    return result;
}

PyObject *model_generate(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "offsets", "max_new_tokens", "temperature", "top_p",
        "seed", "first_prompt", "end_tokens", NULL};
    PyObject *input_ids, *offsets, *limits, *temperature, *top_p, *seed, *first, *end_tokens;
    VaccineGenerationOptions options = {0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO$OOOOOO:generate", names, &input_ids,
            &offsets, &limits, &temperature, &top_p, &seed, &first, &end_tokens)
        || !argument_double(temperature, "temperature", &options.temperature)
        || !argument_double(top_p, "top_p", &options.top_p)
        || !argument_uint64(seed, "seed", &options.seed)
        || !argument_uint64(first, "first_prompt", &options.first_prompt))
        return NULL;
    Prompts prompts = {0};
    PyObject *result = NULL;
    if (input_integers(input_ids, "input_ids", &prompts.input_ids)
        && input_integers(offsets, "offsets", &prompts.offsets)
        && input_integers(limits, "max_new_tokens", &prompts.limits)
        && input_integers(end_tokens, "end_tokens", &prompts.end_tokens))
        result = generate(self, &prompts, options);
    input_release(&prompts.input_ids);
    input_release(&prompts.offsets);
    input_release(&prompts.limits);
    input_release(&prompts.end_tokens);
    return result;
}
