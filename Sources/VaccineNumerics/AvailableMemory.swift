internal import Glibc

/// Bytes that can be taken without swapping: the least of what the kernel estimates for the machine and of what the
/// process's control groups and its address-space limit leave.
public func availableMemory() -> Int {
    min(machineMemory(), ControlGroups().available, addressSpaceLeft() ?? .max)
}

/// What the limit on the process's address space (`ulimit -v`) leaves; nil: there is none.
public func addressSpaceLeft() -> Int? {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
        limit.rlim_cur < rlim_t(Int.max)
    else { return nil }
    let pages = lines(of: "/proc/self/statm").first?.split(separator: " ").first
    let taken = (pages.flatMap { Int($0) } ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    return max(0, Int(limit.rlim_cur) - taken)
}

private func machineMemory() -> Int {
    for line in lines(of: "/proc/meminfo") where line.hasPrefix("MemAvailable:") {
        return (Int(line.filter(\.isNumber)) ?? 0) * 1024
    }
    return sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
}

/// The control groups that the process is in, of either version, each with those above it.
package struct ControlGroups {
    /// Where the file systems are.
    private let root: String

    package init(root: String = "") { self.root = root }

    /// What the tightest of them leaves; page cache counts as free, as it gives way.
    package var available: Int {
        lines(of: root + "/proc/self/cgroup").map { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return .max }
            if parts[0] == "0" && parts[1].isEmpty {
                return left(
                    "/sys/fs/cgroup", parts[2], limit: "memory.max", used: "memory.current",
                    cached: ["inactive_file", "active_file"])
            }
            guard parts[1].split(separator: ",").contains("memory") else { return .max }
            return left(
                "/sys/fs/cgroup/memory", parts[2], limit: "memory.limit_in_bytes",
                used: "memory.usage_in_bytes",
                cached: ["total_inactive_file", "total_active_file"])
        }.min() ?? .max
    }

    private func left(
        _ mount: String, _ path: Substring, limit: String, used: String, cached: [String]
    ) -> Int {
        var names = path.split(separator: "/").filter { $0 != ".." }
        var least = Int.max
        while true {
            let group = ([root + mount] + names.map(String.init)).joined(separator: "/")
            if let limit = number(in: "\(group)/\(limit)"),
                let used = number(in: "\(group)/\(used)")
            {
                let statistics = lines(of: "\(group)/memory.stat").map { $0.split(separator: " ") }
                let cache = statistics.filter { $0.count == 2 && cached.contains(String($0[0])) }
                    .compactMap { Int($0[1]) }.reduce(0, +)
                least = min(least, max(0, limit - max(0, used - cache)))
            }
            if names.popLast() == nil { return least }
        }
    }

    /// nil where there is no such file, or "max" in it.
    private func number(in path: String) -> Int? { lines(of: path).first.flatMap { Int($0) } }
}

/// The lines of one of the kernel's files; none where it is not there.
private func lines(of path: String) -> [String] {
    guard let file = unsafe fopen(path, "r") else { return [] }
    defer { unsafe _ = fclose(file) }
    var (lines, line) = ([String](), [CChar](repeating: 0, count: 4096))
    while unsafe fgets(&line, Int32(line.count), file) != nil {
        let bytes = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
        lines.append(String(decoding: bytes, as: UTF8.self))
    }
    return lines
}
