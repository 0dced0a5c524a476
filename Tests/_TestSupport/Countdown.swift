public import VaccineNumerics

/// Calls `body` with an interruption that lets `polls` polls pass and then stops.
public func withInterruption<Result>(
    afterPolls polls: Int, _ body: (Interruption) throws -> Result
) rethrows -> Result {
    var left = polls
    return try unsafe withUnsafeMutableBytes(of: &left) { left in
        try body(unsafe Interruption(countDown, context: left.baseAddress))
    }
}

/// Stops when the integer at `context` has been counted down to 0.
private let countDown: Interruption.Poll = { context, _ in
    guard let left = unsafe context?.assumingMemoryBound(to: Int.self) else { return true }
    defer { unsafe left.pointee -= 1 }
    return unsafe left.pointee <= 0
}
