#include "lib/rpc/testing/tls_files.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <cstdlib>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

bool RunOpenssl(const std::vector<std::string>& arguments) {
  const std::string command =
      absl::StrCat("openssl '", absl::StrJoin(arguments, "' '"), "' >/dev/null 2>&1");
  return std::system(command.c_str()) == 0;
}

}  // namespace

TestCa::TestCa(std::string folder, std::string ca_file, std::string ca_key_file)
    : folder_(std::move(folder)),
      ca_file_(std::move(ca_file)),
      ca_key_file_(std::move(ca_key_file)) {}

std::optional<TestCa> TestCa::Make(const std::string& folder, const std::string& name) {
  TestCa ca(folder, absl::StrCat(folder, "/", name, ".pem"),
            absl::StrCat(folder, "/", name, ".key"));
  const bool made = RunOpenssl(
      {"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
       "2", "-subj", absl::StrCat("/CN=", name), "-keyout", ca.ca_key_file_, "-out", ca.ca_file_});
  if (!made) return std::nullopt;
  return ca;
}

std::optional<TlsOptions> TestCa::IssueFor(const std::string& name, int days) const {
  const std::string stem = absl::StrCat(folder_, "/", name);
  TlsOptions tls{absl::StrCat(stem, ".pem"), absl::StrCat(stem, ".key"), ca_file_};
  const std::string request = absl::StrCat(stem, ".csr");
  const bool made =
      RunOpenssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                  "/CN=arkshare-test", "-keyout", tls.key_file, "-out", request}) &&
      RunOpenssl({"x509", "-req", "-in", request, "-CA", ca_file_, "-CAkey", ca_key_file_,
                  "-CAcreateserial", "-days", absl::StrCat(days), "-out", tls.cert_file});
  if (!made) return std::nullopt;
  return tls;
}

}  // namespace arkshare
