// Books on disk, made and found as people do it.
#ifndef ARKSHARE_TESTS_SUPPORT_FILES_H_
#define ARKSHARE_TESTS_SUPPORT_FILES_H_

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <string>

#include "lib/core/content_id.h"
#include "tests/support/process.h"

namespace arkshare {

// `size` bytes that look random; the same seed gives the same bytes.
std::string BookBytes(uint64_t size, uint32_t seed);

// Writes a file of this content, and the folders that `name` needs. Aborts when it cannot.
void WriteBook(const std::string& folder, const std::string& name, absl::string_view bytes);

// The whole file; empty when there is none.
std::string ReadFile(const std::string& path);

// Every regular file below `folder` that is not in or below a dot-file: name relative to it ->
// SHA-256 of its bytes, in hex. Empty when there is no such folder.
std::map<std::string, std::string> ReadFolder(const std::string& folder);
// The same value for bytes that are at hand.
std::string Sha256Hex(absl::string_view bytes);

// Root and size of a book with these bytes.
ContentId ContentOf(absl::string_view bytes);

// Asks again and again until the answer is true or the time is over. For states of other programs
// that no event tells us of; wherever there is an event, wait for that.
bool EventuallyTrue(absl::FunctionRef<bool()> predicate, absl::Duration timeout = kPatience);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_FILES_H_
