internal import COpenBLAS
internal import Glibc
internal import Synchronization

/// Room for what cannot fail gently, under a limit on the process's address space (`ulimit -v`): Swift's own arrays
/// end the process where memory is refused, and OpenBLAS does or waits for ever.
public enum AddressSpace {
    /// For arrays, strings and the stacks of threads that a call may begin.
    private static let margin = 32 << 20
    /// What OpenBLAS maps for each thread that computes, on the processors with the largest.
    private static let buffer = 128 << 20
    /// Threads that have a buffer of OpenBLAS.
    private static let buffers = Mutex(0)

    /// Makes sure that a call finds its small memory, and OpenBLAS its buffers; without a limit it does nothing.
    ///
    /// - Parameters:
    ///   - bytes: what the call takes of arrays in proportion to its arguments.
    ///   - products: whether it calls OpenBLAS, whose buffers are then mapped for all threads and stay.
    /// - Throws: `VaccineError.memory` before anything is done.
    public static func reserve(_ bytes: Int = 0, products: Bool = false) throws(VaccineError) {
        guard addressSpaceLeft() != nil else { return }
        let shortage: (left: Int, needed: Int)? = buffers.withLock { present in
            let missing = products ? max(0, Threads.count - present) : 0
            let needed = margin + min(max(bytes, 0), Int.max / 2) + missing * buffer
            if let left = addressSpaceLeft(), left < needed { return (left, needed) }
            map(missing, beside: present)
            present += missing
            return nil
        }
        guard let shortage else { return }
        throw .memory(
            "the limit on address space leaves \(shortage.left >> 20) MB, but this call may need "
                + "\(shortage.needed >> 20) MB on \(counted(Threads.count, "thread"))")
    }

    /// Takes all buffers at once and gives them back, after which they stay mapped.
    private static func map(_ missing: Int, beside present: Int) {
        guard missing > 0 else { return }
        _ = BLAS.oneThread
        var taken = unsafe (0..<present + missing).map { _ in unsafe blas_memory_alloc(0) }
        while let last = unsafe taken.popLast() { unsafe blas_memory_free(last) }
    }
}
