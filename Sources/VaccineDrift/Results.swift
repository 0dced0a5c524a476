/// One place for the result of every parallel task; no two threads share one.
@safe final class Results<Value>: @unchecked Sendable {
    private let places: UnsafeMutableBufferPointer<Value?>

    init(count: Int) {
        unsafe places = .allocate(capacity: count)
        unsafe places.initialize(repeating: nil)
    }

    deinit {
        unsafe places.deinitialize()
        unsafe places.deallocate()
    }

    subscript(index: Int) -> Value? {
        get { unsafe places[index] }
        set { unsafe places[index] = newValue }
    }
}
