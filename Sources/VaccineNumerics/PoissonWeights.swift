internal import CKernels

extension RandomStream {
    /// Poisson(1) weights of each stream, by inversion of its uniform numbers `first` ..< `first` + `count`:
    /// [streams, count].
    ///
    /// - Parameter count: a multiple of 8.
    public static func poissonWeights(
        _ streams: ArraySlice<RandomStream>, first: Int, count: Int
    ) -> [Double] {
        precondition(count % 8 == 0, "\(count) is no multiple of 8")
        let keys = streams.map(\.key)
        var weights = [Double](repeating: 0, count: keys.count * count)
        unsafe vaccine_poisson_weights(
            keys, keys.count, UInt64(bitPattern: Int64(first)), count, &weights)
        return weights
    }
}
