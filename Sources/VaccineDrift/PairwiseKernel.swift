internal import CKernels
internal import Glibc

/// A function of the squared distance of two rows.
public enum PairwiseKernel: Sendable, Equatable {
    /// exp(−|x − y|² / 2σ²).
    case gaussian(bandwidth: Double)
    /// −|x − y|, whose quadratic forms are energy distances.
    case negativeDistance

    /// Of a squared distance.
    func value(_ squaredDistance: Double) -> Double {
        switch self {
        case .gaussian(let bandwidth): exp(-squaredDistance / (2 * bandwidth * bandwidth))
        case .negativeDistance: -squaredDistance.squareRoot()
        }
    }

    /// The kernel of rows that were multiplied by `scale`, and what its values are then multiplied by to
    /// be those of the rows.
    func ofRows(times scale: Double) -> (kernel: PairwiseKernel, unit: Double) {
        switch self {
        case .gaussian(let bandwidth): (.gaussian(bandwidth: bandwidth * scale), 1)
        case .negativeDistance: (self, 1 / scale)
        }
    }

    /// Dot products with one row become kernel values less `offset`, in place.
    func apply(to row: inout MutableSpan<Float>, norm: Float, norms: Span<Float>, offset: Float) {
        precondition(norms.count == row.count, "counts differ")
        let (function, scale) =
            switch self {
            case .gaussian(let bandwidth):
                (VACCINE_GAUSSIAN, Float(-1 / (2 * bandwidth * bandwidth)))
            case .negativeDistance: (VACCINE_NEGATIVE_DISTANCE, 0)
            }
        unsafe norms.withUnsafeBufferPointer { norms in
            unsafe row.withUnsafeMutableBufferPointer { row in
                unsafe vaccine_pairwise(
                    function, scale, offset, norm, norms.baseAddress, row.baseAddress, row.count)
            }
        }
    }
}

/// The places where |a − b|², from dot products with one row, is at most `share` of |a|² + |b|²: what float32
/// has then lost is more than rounding.
///
/// - Parameter places: as many as `products`; the first that the result counts are written.
func closePairs(
    _ products: Span<Float>, norm: Float, norms: Span<Float>, share: Float, places: inout [Int]
) -> Int {
    precondition(norms.count == products.count && places.count == norms.count, "counts differ")
    return unsafe norms.withUnsafeBufferPointer { norms in
        unsafe products.withUnsafeBufferPointer { products in
            unsafe places.withUnsafeMutableBufferPointer { places in
                unsafe vaccine_pairwise_close(
                    share, norm, norms.baseAddress, products.baseAddress, products.count,
                    places.baseAddress)
            }
        }
    }
}

/// The pairs, from dot products with one row, whose squared distance less `slack` of |a|² + |b|² may be at most
/// `limit`.
///
/// - Parameter places: as many as `products` at least; the first that the result counts are written.
func pairs(
    within limit: Double, slack: Double, _ products: Span<Float>, norm: Float, norms: Span<Float>,
    places: inout [Int]
) -> Int {
    precondition(norms.count == products.count && places.count >= norms.count, "counts differ")
    return unsafe norms.withUnsafeBufferPointer { norms in
        unsafe products.withUnsafeBufferPointer { products in
            unsafe places.withUnsafeMutableBufferPointer { places in
                unsafe vaccine_pairwise_within(
                    Float(limit).nextUp, Float(slack).nextUp, norm, norms.baseAddress,
                    products.baseAddress, products.count, places.baseAddress)
            }
        }
    }
}
