// The command that writes the TLS files of the own peer.
#include <absl/cleanup/cleanup.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "clients/cli/commands.h"
#include "clients/cli/group.h"
#include "clients/cli/json.h"
#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {
namespace {

constexpr char kCertificateFile[] = "cert.pem";
constexpr char kKeyFile[] = "key.pem";
constexpr char kAuthoritiesFile[] = "ca.pem";

absl::Status CannotWrite(const std::string& path) {
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("cannot write ", path, ": ", std::strerror(errno),
                                "; name a folder in which you may write"));
}

// Makes `path` a file with this text and mode, at once and durably.
absl::Status WriteFile(const std::string& path, const std::string& text, mode_t mode) {
  std::string fresh = absl::StrCat(path, ".XXXXXX");
  const int fd = mkostemp(fresh.data(), O_CLOEXEC);
  if (fd < 0) return CannotWrite(path);
  absl::Cleanup remove = [&fresh] { unlink(fresh.c_str()); };
  absl::Cleanup end = [fd] { close(fd); };
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(fd, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotWrite(path);
    written += static_cast<size_t>(n);
  }
  if (fchmod(fd, mode) != 0 || fsync(fd) != 0 || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return CannotWrite(path);
  }
  std::move(remove).Cancel();
  return absl::OkStatus();
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Files that this command wrote before for the same peer may be replaced, and no others. The
// certificate, which is written first, says whose they are.
absl::Status CheckFolder(const std::filesystem::path& folder, const PublicKey& own) {
  const std::string certificate = folder / kCertificateFile;
  std::error_code error;
  for (const char* name : {kCertificateFile, kKeyFile, kAuthoritiesFile}) {
    const std::string path = folder / name;
    if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) continue;
    const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(ReadText(certificate));
    if (claims.ok() && claims->key == own) return absl::OkStatus();
    return MakeError(Reason::kInvalidField,
                     absl::StrCat(path,
                                  " exists and is not from this peer; name another folder, "
                                  "or remove the file"));
  }
  return absl::OkStatus();
}

absl::Status WriteTls(const std::filesystem::path& folder, const v1::ExportTlsResponse& exported) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return CannotWrite(folder);
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(exported.certificate());
  if (!claims.ok()) return claims.status();
  if (absl::Status s = CheckFolder(folder, claims->key); !s.ok()) return s;
  if (absl::Status s = WriteFile(folder / kCertificateFile, exported.certificate(), 0644);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = WriteFile(folder / kKeyFile, exported.private_key(), 0600); !s.ok()) {
    return s;
  }
  return WriteFile(folder / kAuthoritiesFile, exported.certificate_authorities(), 0644);
}

// Returns `text` as a word for a shell.
std::string ShellWord(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789._/:[]+-,@%") == std::string::npos;
  if (plain && text[0] != '-') return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return absl::StrCat(quoted, "'");
}

}  // namespace

int RunTls(Session& session, const TlsExportOptions& options) {
  Console& console = session.console;
  v1::ExportTlsRequest request;
  request.set_with_certificate_authorities(true);
  const absl::StatusOr<v1::ExportTlsResponse> exported =
      session.connection.CallPeer(&v1::PeerService::Stub::ExportTls, request);
  if (!exported.ok()) return Report(session, exported.status());
  const absl::StatusOr<Group> group = GroupFromProto(*exported);
  if (!group.ok()) return Report(session, group.status());
  const std::filesystem::path folder(options.folder);
  if (absl::Status s = WriteTls(folder, *exported); !s.ok()) return Report(session, s);
  const std::string certificate = folder / kCertificateFile;
  const std::string key = folder / kKeyFile;
  const std::string authorities = folder / kAuthoritiesFile;
  const std::string index = session.connection.IndexTarget().value_or("HOST:PORT");
  if (console.json) {
    JsonObject object;
    object.Add("certificate", certificate)
        .Add("private_key", key)
        .Add("certificate_authorities", authorities)
        .Add("index_public_key", group->index.hex())
        .Add("index_address", index);
    console.out << object.Finish() << '\n' << std::flush;
  } else {
    console.out << "wrote " << EscapeForDisplay(certificate) << ", " << EscapeForDisplay(key)
                << " and " << EscapeForDisplay(authorities) << "; for example:\n"
                << "grpcurl -cacert " << EscapeForDisplay(ShellWord(authorities)) << " -cert "
                << EscapeForDisplay(ShellWord(certificate)) << " -key "
                << EscapeForDisplay(ShellWord(key)) << " -authority arkshare "
                << EscapeForDisplay(index) << " list\n"
                << std::flush;
  }
  console.err << "Keep " << EscapeForDisplay(key)
              << " secret: with it, a program acts as your peer until your peer is removed from "
                 "the group. Run this command again when peers have joined\n"
              << std::flush;
  return kExitDone;
}

}  // namespace arkshare
