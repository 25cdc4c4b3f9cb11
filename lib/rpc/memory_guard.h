// Ends the process before it takes all memory of the machine.
#ifndef ARKSHARE_LIB_RPC_MEMORY_GUARD_H_
#define ARKSHARE_LIB_RPC_MEMORY_GUARD_H_

#include <cstdint>
#include <optional>
#include <string>

namespace arkshare {

// Returns the smaller of the machine's memory and of the limits of the process's control groups
// (versions 1 and 2), in bytes. `root` is where /proc and /sys are; a test has its own.
uint64_t MemoryOfMachine(const std::string& root = "");

// Returns the memory of this process that is no file's, in bytes; nullopt without /proc.
std::optional<uint64_t> OwnMemory();

// Starts a thread that ends the process, with kExitMemory and a message, when OwnMemory is more
// than `limit` bytes; 0: three quarters of MemoryOfMachine. gRPC 1.51 has no limit for what
// malformed headers make it store (SECURITY.md), and the kernel would end any process, perhaps
// another one. Nothing is lost by it, as after a crash. Call once.
void GuardMemory(uint64_t limit);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_MEMORY_GUARD_H_
