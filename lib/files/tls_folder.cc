#include "lib/files/tls_folder.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/files/atomic_file.h"

namespace arkshare {
namespace {

bool IsThere(const std::string& path) {
  struct stat stat {};
  return lstat(path.c_str(), &stat) == 0;
}

// Returns whether an earlier call has written the files of this folder for `own`.
bool IsOf(const std::string& folder, const PublicKey& own) {
  std::ifstream file(CertificateFileIn(folder), std::ios::binary);
  const std::string certificate(std::istreambuf_iterator<char>(file), {});
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(certificate);
  return claims.ok() && claims->key == own;
}

}  // namespace

std::string CertificateFileIn(const std::string& folder) {
  return std::filesystem::path(folder) / "cert.pem";
}
std::string PrivateKeyFileIn(const std::string& folder) {
  return std::filesystem::path(folder) / "key.pem";
}
std::string AuthoritiesFileIn(const std::string& folder) {
  return std::filesystem::path(folder) / "ca.pem";
}

absl::Status WriteTlsFolder(const std::string& folder, const LeafCertificate& leaf,
                            const std::string& authorities, const PublicKey* own) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::InternalError(absl::StrCat("cannot make ", folder, ": ", std::strerror(errno)));
  }
  const struct {
    std::string path;
    const std::string& text;
    mode_t mode;
  } files[] = {{CertificateFileIn(folder), leaf.certificate, 0644},
               {PrivateKeyFileIn(folder), leaf.private_key, 0600},
               {AuthoritiesFileIn(folder), authorities, 0644}};
  bool replaces = false;
  for (const auto& file : files) {
    if (!IsThere(file.path)) continue;
    if (own == nullptr || !IsOf(folder, *own)) {
      return absl::FailedPreconditionError(
          absl::StrCat(file.path, " is there already: give another folder, or move it away"));
    }
    replaces = true;
  }
  for (const auto& file : files) {
    const absl::Status written = WriteFileAtomically(file.path, file.text, file.mode);
    if (written.ok()) continue;
    if (!replaces) RemoveTlsFolder(folder);
    return written;
  }
  return absl::OkStatus();
}

void RemoveTlsFolder(const std::string& folder) {
  unlink(CertificateFileIn(folder).c_str());
  unlink(PrivateKeyFileIn(folder).c_str());
  unlink(AuthoritiesFileIn(folder).c_str());
}

}  // namespace arkshare
