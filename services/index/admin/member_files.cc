#include "services/index/admin/member_files.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace arkshare {
namespace {

constexpr absl::string_view kCertificateFile = "/cert.pem";
constexpr absl::string_view kPrivateKeyFile = "/key.pem";
constexpr absl::string_view kServersFile = "/ca.pem";

absl::Status WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::InternalError(std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteNewFile(const std::string& path, absl::string_view text, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    if (errno == EEXIST) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is there already: give another folder, or move it away"));
    }
    return absl::InternalError(absl::StrCat("cannot make ", path, ": ", std::strerror(errno)));
  }
  const absl::Status written = WriteAll(fd, text);
  close(fd);
  if (written.ok()) return written;
  unlink(path.c_str());
  return absl::InternalError(absl::StrCat("cannot write ", path, ": ", written.message()));
}

}  // namespace

absl::Status WriteMemberFiles(const std::string& folder, const LeafCertificate& leaf,
                              const std::vector<PublicKey>& servers) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::InternalError(absl::StrCat("cannot make ", folder, ": ", std::strerror(errno)));
  }
  std::string anchors;
  for (const PublicKey& server : servers) anchors += MakeTrustAnchor(server);
  const struct {
    absl::string_view name;
    const std::string& text;
    mode_t mode;
  } files[] = {{kPrivateKeyFile, leaf.private_key, 0600},
               {kCertificateFile, leaf.certificate, 0644},
               {kServersFile, anchors, 0644}};
  std::vector<std::string> written;
  for (const auto& file : files) {
    std::string path = absl::StrCat(folder, file.name);
    if (absl::Status s = WriteNewFile(path, file.text, file.mode); !s.ok()) {
      for (const std::string& one : written) unlink(one.c_str());
      return s;
    }
    written.push_back(std::move(path));
  }
  return absl::OkStatus();
}

void RemoveMemberFiles(const std::string& folder) {
  for (const absl::string_view name : {kCertificateFile, kPrivateKeyFile, kServersFile}) {
    unlink(absl::StrCat(folder, name).c_str());
  }
}

}  // namespace arkshare
