#include "services/index/group/home.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lib/core/content_id.h"
#include "lib/files/atomic_file.h"

namespace arkshare {
namespace {

absl::Status BadHome(const std::string& home, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("cannot use ", home, " as --home: ", why));
}

std::string KeyFile(const std::string& home) { return home + "/key"; }

}  // namespace

std::string MembersFile(const std::string& home) { return home + "/members"; }

std::string InvitationsFile(const std::string& home) { return home + "/invitations"; }

absl::Status MakeHome(const std::string& home) {
  if (mkdir(home.c_str(), 0700) != 0 && errno != EEXIST) {
    return BadHome(home, std::strerror(errno));
  }
  struct stat info {};
  if (stat(home.c_str(), &info) != 0) return BadHome(home, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return BadHome(home, "it is not a folder");
  if ((info.st_mode & 077) != 0) {
    return BadHome(home, absl::StrCat("other users can look into it, and it keeps the key of the "
                                      "index: run chmod 700 ",
                                      home));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StateLock>> LockHome(const std::string& home) {
  absl::StatusOr<std::unique_ptr<StateLock>> lock = StateLock::Acquire(KeyFile(home));
  if (!lock.ok()) return BadHome(home, "another arkshare-index uses it");
  return lock;
}

absl::StatusOr<std::optional<std::string>> ReadHomeFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot read ", path, ": ", errno != 0 ? std::strerror(errno) : "it is not a file"));
  }
  return text.str();
}

absl::StatusOr<std::optional<PrivateKey>> ReadKeyFile(const std::string& home) {
  const absl::StatusOr<std::optional<std::string>> text = ReadHomeFile(KeyFile(home));
  if (!text.ok()) return text.status();
  if (!text->has_value()) return std::nullopt;
  const absl::StatusOr<std::string> seed = FromHex(absl::StripAsciiWhitespace(**text));
  const absl::StatusOr<PrivateKey> key =
      seed.ok() ? PrivateKey::FromSeed(*seed) : absl::StatusOr<PrivateKey>(seed.status());
  if (key.ok()) return *key;
  return absl::InvalidArgumentError(absl::StrCat(
      KeyFile(home),
      " is damaged: put back a copy of it; or, if you have the key on paper, remove ",
      "this file and run `arkshare-index key import`. Without both, remove the folder and invite ",
      "all members again"));
}

absl::StatusOr<MemberList> ReadMembersFile(const std::string& home, const PublicKey& index) {
  const std::string path = MembersFile(home);
  const absl::StatusOr<std::optional<std::string>> text = ReadHomeFile(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return MemberList();
  absl::StatusOr<MemberList> members = MemberList::FromText(**text, index);
  if (members.ok()) return members;
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is damaged (", members.status().message(),
                   "): put back a copy of it, or `.arkshare/members` of any member"));
}

absl::Status WriteKeyFile(const std::string& home, const PrivateKey& key) {
  return WriteFileAtomically(KeyFile(home), absl::StrCat(ToHex(key.seed()), "\n"));
}

absl::StatusOr<bool> ImportKey(const std::string& home, const PrivateKey& key) {
  if (absl::Status made = MakeHome(home); !made.ok()) return made;
  const absl::StatusOr<std::unique_ptr<StateLock>> lock = LockHome(home);
  if (!lock.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("an index runs with --home ", home, ": stop it, and repeat the command"));
  }
  const absl::StatusOr<std::optional<PrivateKey>> there = ReadKeyFile(home);
  if (!there.ok()) return there.status();
  if (there->has_value()) {
    if ((*there)->public_key() == key.public_key()) return false;
    return absl::FailedPreconditionError(absl::StrCat(
        home, " has another key, which its members know: give another --home, or move ",
        KeyFile(home), " away if you are sure that you do not need it"));
  }
  const absl::StatusOr<MemberList> members = ReadMembersFile(home, key.public_key());
  if (!members.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(MembersFile(home), " does not belong to this key, or is damaged (",
                     members.status().message(), "). If the key is right, move that file away"));
  }
  if (absl::Status written = WriteKeyFile(home, key); !written.ok()) return written;
  return true;
}

}  // namespace arkshare
