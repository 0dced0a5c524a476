// The contract between the Swift core (which implements it) and the Python shim (which calls it).
//
// Rules, once for all functions:
// - Shapes use the project's alphabet: B sequences, T packed tokens, C hidden size, V vocabulary,
//   L layers, r rank. [T, C] is row-major float32.
// - A fallible function returns VaccineStatus; on failure it fills `message` (never NULL) and
// leaves
//   every output and the model's weights as they were.
// - Pointers passed in are borrowed for the call. Handles come from `_create` and go to `_destroy`
//   (NULL is allowed there). Strings handed out live as long as their handle.
// - One handle serves one thread at a time; the caller serialises. Different handles are
// independent.
// - A long call polls `interrupt` several times a second and returns VACCINE_INTERRUPTED when it
// says so.

#ifndef CVACCINE_H
#define CVACCINE_H

#include "CVaccineTypes.h"
#include "VaccineDrift.h"

// MARK: - Threads and machine

// In which frozen weights are held and multiplied.
typedef enum VaccinePrecision {
    VACCINE_PRECISION_FLOAT32 = 0,
    VACCINE_PRECISION_BFLOAT16 = 1,  // refused where the processor does not multiply it
} VaccinePrecision;

// Threads of every parallel region; 1 after fork in a child. Range 1...1024.
VaccineStatus vaccine_set_thread_count(int32_t count, VaccineMessage *message);
int32_t vaccine_thread_count(void);
// To be called once, before any fork: children compute on one thread.
void vaccine_follow_forks(void);
// Bytes that can be taken: of the machine, of the process's control groups and its address space.
int64_t vaccine_available_memory(void);
// Whether models can be made in the precision.
bool vaccine_precision_available(VaccinePrecision precision);
// One line: the BLAS library, its kernel, and the instruction set of this build.
void vaccine_build_description(VaccineMessage *text);

// MARK: - Model

typedef struct VaccineModel VaccineModel;

typedef struct VaccineModelSizes {
    int32_t vocabulary_size, hidden_size, layer_count, context_length;
} VaccineModelSizes;

// A model of the blocks that the description names. Which keys there are is told where each block
// reads its own (Sources/VaccineTransformer); a missing, unknown or faulty one is refused by name.
// Weights start at zero; write every tensor, then check that the model is complete.
VaccineStatus vaccine_model_create(VaccineDescription description, VaccineModel **model,
    VaccineModelSizes *sizes, VaccineInterrupt interrupt, VaccineMessage *message);
void vaccine_model_destroy(VaccineModel *model);
// Linear and embedding weights ~ N(0, 0.02²), norms 1, biases 0.
VaccineStatus vaccine_model_initialise(
    VaccineModel *model, uint64_t seed, VaccineInterrupt interrupt, VaccineMessage *message);
// Fails with the names of the tensors that were never written.
VaccineStatus vaccine_model_check_complete(VaccineModel *model, VaccineMessage *message);

// MARK: - Tensors by name

typedef enum VaccineTensorKind {
    VACCINE_WEIGHT = 0,    // the description's names: model.layers.0.self_attn.q_proj.weight
    VACCINE_ADAPTER = 1,   // PEFT names: base_model.model.model.layers.0.….lora_A.weight
    VACCINE_GRADIENT = 2,  // the same names as the adapter
    VACCINE_FROZEN = 3,    // the adapters that were frozen: "frozen.N." before the same names
} VaccineTensorKind;

typedef struct VaccineTensorInfo {
    const char *name;
    int64_t rows;
    int64_t columns;  // 0: one-dimensional with `rows` elements
} VaccineTensorInfo;

int64_t vaccine_model_tensor_count(const VaccineModel *model, VaccineTensorKind kind);
VaccineStatus vaccine_model_tensor_info(const VaccineModel *model, VaccineTensorKind kind,
    int64_t index, VaccineTensorInfo *info, VaccineMessage *message);
// As `tensor_info`, for a name.
VaccineStatus vaccine_model_find_tensor(const VaccineModel *model, VaccineTensorKind kind,
    const char *name, VaccineTensorInfo *info, VaccineMessage *message);
// `output` has room for the tensor's elements.
VaccineStatus vaccine_model_read_tensor(const VaccineModel *model, VaccineTensorKind kind,
    const char *name, float *output, int64_t capacity, VaccineMessage *message);
// As `read_tensor` of a weight, with what every adapter adds to it.
VaccineStatus vaccine_model_read_merged(const VaccineModel *model, const char *name, float *output,
    int64_t capacity, VaccineMessage *message);
// Refuses unknown names, another shape, and NaN or infinity.
VaccineStatus vaccine_model_write_tensor(VaccineModel *model, VaccineTensorKind kind,
    const char *name, const float *values, int64_t rows, int64_t columns, VaccineMessage *message);

// Rows of a weight in a GGUF format (its name there: "Q4_0"), [rows, row_bytes].
typedef struct VaccineBlockTensor {
    const char *format;
    const uint8_t *bytes;
    int64_t rows, row_bytes;
    VaccineIntegers order;  // row i of the weight is row order[i] here; values NULL: i
} VaccineBlockTensor;

// In place of `write_tensor` for the matrices of a model whose precision is "gguf". The bytes are
// not copied: they must stay until the model is destroyed. Refuses unknown names and formats,
// another shape, and NaN or infinity.
VaccineStatus vaccine_model_lend_tensor(VaccineModel *model, const char *name,
    VaccineBlockTensor tensor, VaccineInterrupt interrupt, VaccineMessage *message);

// MARK: - Adapter

// down ~ U(±1/√in) (Kaiming with a = √5), up = 0. dropout in [0, 0.5].
VaccineStatus vaccine_model_add_adapter(VaccineModel *model, const VaccineAdaptedModule *modules,
    int64_t count, double dropout, uint64_t seed, VaccineMessage *message);
VaccineStatus vaccine_model_remove_adapter(VaccineModel *model, VaccineMessage *message);
// Keeps the adapter below the next one, without dropout and gradients.
VaccineStatus vaccine_model_freeze_adapter(VaccineModel *model, VaccineMessage *message);
VaccineStatus vaccine_model_remove_frozen_adapters(VaccineModel *model, VaccineMessage *message);
// W += scale · B A for every adapter, then removes all. Interrupted, the model computes what it
// did, and merging again completes it. Fails for weights in GGUF blocks.
VaccineStatus vaccine_model_merge_adapter(
    VaccineModel *model, VaccineInterrupt interrupt, VaccineMessage *message);

// MARK: - Forward

// What scratch memory is for.
typedef enum VaccineWorkspace {
    VACCINE_WORKSPACE_INFERENCE = 0,           // forward passes alone
    VACCINE_WORKSPACE_TRAINING = 1,            // steps that perturb nothing
    VACCINE_WORKSPACE_PERTURBED_TRAINING = 2,  // any step: [L, T, C] floats more
} VaccineWorkspace;

// Allocates all scratch for batches up to this size, so that later calls allocate nothing. Fails
// with VACCINE_MEMORY.
VaccineStatus vaccine_model_reserve(VaccineModel *model, int64_t tokens, int64_t sequences,
    VaccineWorkspace use, VaccineMessage *message);
// One sequence [T] to logits [T, V]; dropout off.
VaccineStatus vaccine_model_logits(VaccineModel *model, VaccineIntegers input_ids, float *logits,
    VaccineInterrupt interrupt, VaccineMessage *message);

// A packed batch: sequences laid end to end. `offsets` has B + 1 entries, 0 first, T last.
// labels[t] = -100: not supervised; position t - 1 predicts labels[t] (as in transformers).
// A pass takes `sequence_count` of them from `first_sequence` on; 0: all. It then draws for them
// the dropout masks and the noise that they have in the whole batch; token weights and given
// perturbations are those of the whole batch.
typedef struct VaccineBatch {
    VaccineIntegers input_ids, labels, offsets;
    int64_t first_sequence, sequence_count;
} VaccineBatch;

typedef enum VaccineHiddenState {
    VACCINE_STATE_ATTENTION = 0,  // what attention adds to the residual stream: the output of
                                  // o_proj
    VACCINE_STATE_MLP = 1,        // what the feed-forward network adds: the output of down_proj
    VACCINE_STATE_RESIDUAL = 2,   // the residual stream after the layer
} VaccineHiddenState;

// Result row i is the mean of the batch's rows `rows[bounds[i]]` to `rows[bounds[i + 1] - 1]`.
// `layers`: indices that rise strictly.
typedef struct VaccineStateChoice {
    VaccineHiddenState kind;
    VaccineIntegers layers, rows, bounds;
} VaccineStateChoice;

// States of a packed batch as [layers, bounds - 1, C]; dropout off. Nothing else is kept.
VaccineStatus vaccine_model_hidden_states(VaccineModel *model, VaccineIntegers input_ids,
    VaccineIntegers offsets, VaccineStateChoice choice, float *outputs, VaccineInterrupt interrupt,
    VaccineMessage *message);

// Mean cross-entropy over the batch's supervised tokens, dropout off; gradients untouched.
// `token_losses`: NULL, or room for T; receives the cross-entropy of each supervised token.
VaccineStatus vaccine_model_loss(VaccineModel *model, VaccineBatch batch, double *loss,
    int64_t *supervised, float *token_losses, VaccineInterrupt interrupt, VaccineMessage *message);

// MARK: - Training

// What is added to the attention outputs of a pass.
typedef enum VaccinePerturbationKind {
    VACCINE_PERTURBATION_NONE = 0,
    VACCINE_PERTURBATION_WORST = 1,     // ε_l = g_l · ρ / (‖g‖₂ + 1e-7), g from a pass of its own
    VACCINE_PERTURBATION_GAUSSIAN = 2,  // N(0, variance) on every element
    VACCINE_PERTURBATION_GIVEN = 3,     // `values`
    VACCINE_PERTURBATION_SCALED = 4,    // ε_l = factor · g_l, of the last attention gradients
} VaccinePerturbationKind;

// The layers whose norm is taken for VACCINE_PERTURBATION_WORST.
typedef enum VaccineNormScope {
    VACCINE_NORM_CHOSEN = 0,  // those that are perturbed
    VACCINE_NORM_ALL = 1,     // all of the model
} VaccineNormScope;

typedef struct VaccinePerturbation {
    VaccinePerturbationKind kind;
    double rho;              // worst
    VaccineNormScope norm;   // worst
    double variance;         // gaussian
    VaccineIntegers layers;  // worst, gaussian, scaled: those perturbed, rising; values NULL: all
    const float *values;     // given: [L, T, C]
    int64_t count;           // of `values`
    double factor;           // scaled
} VaccinePerturbation;

typedef struct VaccinePassOptions {
    double weight;  // the gradient of this batch is multiplied by it before it is accumulated
    uint64_t seed;  // dropout and noise are a function of (seed, stream, draw)
    uint64_t stream;
    uint64_t draw;  // numbers the passes of one step
    // The loss is 1/S Σ_s (w_s · CE_s + reference_weight · KL(reference[s] ‖ model)).
    const float *token_weights;  // [T], w of the token that is predicted; NULL: 1
    int64_t token_weight_count;
    const float *reference;  // [S, V], log-probabilities at the supervised tokens; NULL: no KL
    int64_t reference_count;
    double reference_weight;
} VaccinePassOptions;

// The gradient of a caller's loss with respect to hidden states and logits.
typedef struct VaccineCallerGradients {
    VaccineIntegers kinds;   // N of VaccineHiddenState
    VaccineIntegers layers;  // N
    const float *values;     // [N, T, C], of the tokens that are taken
    int64_t state_count;     // of `values`
    const float *logits;     // [S, V] at the supervised tokens; NULL: none
    int64_t logit_count;
} VaccineCallerGradients;

typedef struct VaccineStepReport {
    double loss;           // the loss whose gradient was taken (perturbed if the method perturbs)
    double clean_loss;     // the loss without a perturbation; NaN where no pass gave it
    double gradient_norm;  // L2 norm of the accumulated adapter gradients
    double attention_gradient_norm;  // ‖(g_1 … g_L)‖₂ of the first pass; 0 where there is none
    int64_t tokens;                  // T
    int64_t supervised;
    double seconds;
} VaccineStepReport;

// Pass 1 alone: g_l = ∂loss/∂e_l at every attention output stays with the model.
// `squared_norms` has room for L values: ‖g_l‖₂². Adapter gradients are untouched.
VaccineStatus vaccine_model_attention_gradients(VaccineModel *model, VaccineBatch batch,
    VaccinePassOptions options, double *loss, double *squared_norms, VaccineInterrupt interrupt,
    VaccineMessage *message);
// Adds weight · ∂loss/∂adapter to the gradients. On failure all gradients are zeroed.
// `perturbation_norms` has room for L values: ‖ε_l‖₂.
VaccineStatus vaccine_model_forward_backward(VaccineModel *model, VaccineBatch batch,
    VaccinePassOptions options, VaccinePerturbation perturbation, VaccineStepReport *report,
    double *perturbation_norms, VaccineInterrupt interrupt, VaccineMessage *message);
// Adds the caller's gradient, taken back to the adapter, to the gradients; zeroes them on failure.
// Without `dropout` the states are those of vaccine_model_hidden_states.
VaccineStatus vaccine_model_backward_from(VaccineModel *model, VaccineBatch batch,
    VaccineCallerGradients gradients, VaccinePassOptions options, bool dropout,
    double *gradient_norm, VaccineInterrupt interrupt, VaccineMessage *message);
// Log-probabilities at the supervised tokens as [rows, V], dropout off; `rows` is their number.
VaccineStatus vaccine_model_log_probabilities(VaccineModel *model, VaccineBatch batch,
    float *output, int64_t rows, VaccineInterrupt interrupt, VaccineMessage *message);
VaccineStatus vaccine_model_zero_gradients(VaccineModel *model, VaccineMessage *message);

// What the last pass left with the model.
typedef enum VaccineTrainingStates {
    VACCINE_STATES_PERTURBATIONS = 0,
    VACCINE_STATES_ATTENTION_GRADIENTS = 1,
} VaccineTrainingStates;

// Tokens T of the pass that left these states, 0 if they are not there; then [L, T, C].
int64_t vaccine_model_training_tokens(const VaccineModel *model, VaccineTrainingStates kind);
VaccineStatus vaccine_model_read_training_states(const VaccineModel *model,
    VaccineTrainingStates kind, float *output, int64_t capacity, VaccineMessage *message);

// Factors of the adapter that stay as they are, by PEFT name; none: all are trained. Their
// gradients are 0 after a step, and the optimiser leaves them and their moments alone. A new
// adapter has none.
VaccineStatus vaccine_model_set_frozen(
    VaccineModel *model, const char *const *names, int32_t count, VaccineMessage *message);

// The bare rule: ε_l = g_l · ρ / (‖(g_1 … g_n)‖₂ + 1e-7), norm in double precision.
VaccineStatus vaccine_perturbation(const float *const *gradients, const int64_t *counts,
    int64_t count, double rho, float *const *outputs, VaccineMessage *message);

// MARK: - Vectors

// The adapter or its gradient, where the model holds it, or numbers of their shape: all factors one
// after the other, each in its file's shape. Belongs to its model, and takes its turn.
typedef struct VaccineVector VaccineVector;

typedef enum VaccineVectorSource {
    VACCINE_VECTOR_ADAPTER = 0,
    VACCINE_VECTOR_GRADIENT = 1,
    VACCINE_VECTOR_ZEROS = 2,
} VaccineVectorSource;

// Fails without an adapter. After a change of the adapter every call fails with VACCINE_STATE until
// there is one of the same shapes again.
VaccineStatus vaccine_vector_create(const VaccineModel *model, VaccineVectorSource source,
    VaccineVector **vector, VaccineMessage *message);
void vaccine_vector_destroy(VaccineVector *vector);
VaccineStatus vaccine_vector_count(
    const VaccineVector *vector, int64_t *count, VaccineMessage *message);
// vector ← other
VaccineStatus vaccine_vector_copy(
    VaccineVector *vector, const VaccineVector *other, VaccineMessage *message);
// vector ← vector + α · other
VaccineStatus vaccine_vector_axpy(
    VaccineVector *vector, double alpha, const VaccineVector *other, VaccineMessage *message);
// vector ← vector + α · a ⊙ b
VaccineStatus vaccine_vector_add_product(VaccineVector *vector, double alpha,
    const VaccineVector *a, const VaccineVector *b, VaccineMessage *message);
// vector ← α · vector
VaccineStatus vaccine_vector_scale(VaccineVector *vector, double alpha, VaccineMessage *message);
// Σ vector · other in double precision
VaccineStatus vaccine_vector_dot(const VaccineVector *vector, const VaccineVector *other,
    double *result, VaccineMessage *message);
VaccineStatus vaccine_vector_read(
    const VaccineVector *vector, float *output, int64_t capacity, VaccineMessage *message);
// Refuses another count, NaN and infinity.
VaccineStatus vaccine_vector_write(
    VaccineVector *vector, const float *values, int64_t count, VaccineMessage *message);

// MARK: - Optimiser

typedef struct VaccineAdamW VaccineAdamW;

typedef enum VaccineMoment { VACCINE_FIRST_MOMENT = 0, VACCINE_SECOND_MOMENT = 1 } VaccineMoment;

// Decoupled weight decay on every adapter matrix. Fails without an adapter.
VaccineStatus vaccine_adamw_create(const VaccineModel *model, double beta1, double beta2,
    double epsilon, double weight_decay, VaccineAdamW **optimiser, VaccineMessage *message);
void vaccine_adamw_destroy(VaccineAdamW *optimiser);
// Clips the model's gradients to `max_gradient_norm` (0: no clipping), updates the adapter.
// A non-finite gradient is refused by name before any weight changes.
VaccineStatus vaccine_adamw_step(VaccineAdamW *optimiser, VaccineModel *model, double learning_rate,
    double max_gradient_norm, double *gradient_norm, VaccineInterrupt interrupt,
    VaccineMessage *message);
int64_t vaccine_adamw_step_count(const VaccineAdamW *optimiser);
// At most 2^53.
VaccineStatus vaccine_adamw_set_step_count(
    VaccineAdamW *optimiser, int64_t count, VaccineMessage *message);
// Steps during which a factor was frozen; they do not count in its bias correction.
VaccineStatus vaccine_adamw_skipped(
    const VaccineAdamW *optimiser, const char *name, int64_t *count, VaccineMessage *message);
// At most the step count.
VaccineStatus vaccine_adamw_set_skipped(
    VaccineAdamW *optimiser, const char *name, int64_t count, VaccineMessage *message);
VaccineStatus vaccine_adamw_read_moment(const VaccineAdamW *optimiser, VaccineMoment moment,
    const char *name, float *output, int64_t capacity, VaccineMessage *message);
VaccineStatus vaccine_adamw_write_moment(VaccineAdamW *optimiser, VaccineMoment moment,
    const char *name, const float *values, int64_t rows, int64_t columns, VaccineMessage *message);

typedef enum VaccineSchedule {
    VACCINE_SCHEDULE_CONSTANT = 0,
    VACCINE_SCHEDULE_CONSTANT_WITH_WARMUP = 1,
    VACCINE_SCHEDULE_LINEAR = 2,
    VACCINE_SCHEDULE_COSINE = 3,
} VaccineSchedule;

// The factor on the peak learning rate at a step counted from 0, as transformers defines it.
double vaccine_schedule_factor(
    VaccineSchedule schedule, int64_t step, int64_t warmup_steps, int64_t total_steps);

// MARK: - Generation

typedef struct VaccineGenerationOptions {
    VaccineIntegers limits;  // new tokens of each prompt at most
    int64_t width;           // of a row of the output: the largest limit, or the context's length
    double temperature;      // 0: greedy
    double top_p;            // (0, 1]
    uint64_t seed;
    uint64_t first_prompt;  // prompt i draws from stream (seed, first_prompt + i)
    VaccineIntegers end_tokens;
} VaccineGenerationOptions;

// Prompts packed as in VaccineBatch. `output` is [B, maximum_new_tokens] int32, and is not touched
// where those exceed the context; `lengths` [B] counts the tokens written for each prompt (an end
// token, if met, is the last one).
VaccineStatus vaccine_model_generate(VaccineModel *model, VaccineIntegers input_ids,
    VaccineIntegers offsets, VaccineGenerationOptions options, int32_t *output, int64_t *lengths,
    VaccineInterrupt interrupt, VaccineMessage *message);

#endif
