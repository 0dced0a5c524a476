// swift-tools-version: 6.2

import PackageDescription

/// The folder of Python.h, set by the Python build; without it the extension module is left out,
/// so that `swift build` and `swift test` need no Python.
let pythonInclude = Context.environment["VACCINE_PYTHON_INCLUDE"]

#if arch(x86_64)
    /// AVX2 and FMA; the Python package checks the processor before it loads the module.
    let processor = ["-march=x86-64-v3"]
#else
    let processor: [String] = []
#endif

/// The static library makes the extension module self-contained; the Python build asks for the shared
/// one where there is no other.
let openBLAS: LinkerSetting =
    Context.environment["VACCINE_OPENBLAS"] == "dynamic"
    ? .linkedLibrary("openblas") : .unsafeFlags(["-l:libopenblas.a"])

/// A sanitizer's report names functions; the module that is installed has no need of them.
let symbols =
    Context.environment["VACCINE_SANITIZER"] == nil ? ["-Xlinker", "--strip-all"] : []

let package = Package(name: "vaccine_swift")

// MARK: - Public API

package.products = [.library(name: "Vaccine", targets: ["Vaccine"])]

package.targets = [
    .target(
        name: "Vaccine",
        dependencies: ["VaccineNumerics", "VaccineTransformer", "VaccineTraining"])
]

// MARK: - Implementation details

package.targets += [
    .target(
        name: "VaccineNumerics", dependencies: ["COpenBLAS", "CKernels"],
        linkerSettings: [openBLAS, .linkedLibrary("m")]),
    .target(name: "VaccineTransformer", dependencies: ["VaccineNumerics"]),
    .target(name: "VaccineTraining", dependencies: ["VaccineTransformer", "VaccineNumerics"]),
    .target(
        name: "VaccineDrift",
        dependencies: ["VaccineNumerics", "COpenBLAS", "CKernels", "CFortran"]),
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .target(name: "CFortran"),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O2", "-Wno-psabi"] + processor)]),
    .target(name: "CVaccine"),
    .target(
        name: "VaccineABI",
        dependencies: [
            "CVaccine", "VaccineNumerics", "VaccineTransformer", "VaccineTraining", "VaccineDrift",
        ]),
]

if let pythonInclude {
    let exports = "\(Context.packageDirectory)/CPythonShim/exports.map"
    package.products.append(
        .library(name: "_core", type: .dynamic, targets: ["CPythonShim", "VaccineABI"]))
    package.targets.append(
        .target(
            name: "CPythonShim", dependencies: ["CVaccine", "VaccineABI"], path: "CPythonShim",
            exclude: ["exports.map"],
            cSettings: [
                .define("Py_LIMITED_API", to: "0x030B0000"),
                .unsafeFlags(["-I", pythonInclude, "-Wall", "-Wextra", "-Werror"]),
            ],
            linkerSettings: [
                .unsafeFlags(
                    [
                        "-static-stdlib", "-use-ld=lld",
                        "-Xclang-linker", "-static-libgcc",
                        "-Xlinker", "--version-script=\(exports)",
                    ] + symbols)
            ]))
}

// MARK: - Unit test bundles

package.targets += [
    .target(
        name: "_TestSupport", dependencies: ["VaccineNumerics", "VaccineTransformer"],
        path: "Tests/_TestSupport"),
    .testTarget(
        name: "VaccineNumericsTests", dependencies: ["CKernels", "VaccineNumerics", "_TestSupport"]),
    .testTarget(
        name: "VaccineTransformerTests", dependencies: ["VaccineTransformer", "_TestSupport"]),
    .testTarget(name: "VaccineTrainingTests", dependencies: ["VaccineTraining", "_TestSupport"]),
    .testTarget(name: "VaccineDriftTests", dependencies: ["VaccineDrift", "_TestSupport"]),
    .testTarget(name: "VaccineExamples", dependencies: ["Vaccine"], path: "examples/swift"),
]

// MARK: - Settings of every Swift target

for target in package.targets where target.type == .regular || target.type == .test {
    guard target.name.hasPrefix("Vaccine") || target.name.hasPrefix("_") else { continue }
    target.swiftSettings = [
        .enableExperimentalFeature("Lifetimes"),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
        .unsafeFlags(processor.flatMap { ["-Xcc", $0] }),
    ]
    // The C boundary is pointers throughout; everywhere else each unsafe expression is marked.
    if target.name != "VaccineABI" { target.swiftSettings?.append(.strictMemorySafety()) }
}
