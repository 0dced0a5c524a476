// What users of this module meet in its signatures, so that `import Vaccine` is enough.

/// `VaccineError`.
@_exported public import VaccineNumerics
/// `ModelDescription`.
@_exported public import VaccineTransformer
