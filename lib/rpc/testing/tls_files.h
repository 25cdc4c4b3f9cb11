// Test support: certificates, made by the openssl command.
#ifndef ARKSHARE_LIB_RPC_TESTING_TLS_FILES_H_
#define ARKSHARE_LIB_RPC_TESTING_TLS_FILES_H_

#include <optional>
#include <string>

#include "lib/rpc/tls_options.h"

namespace arkshare {

// A new certificate authority, with its files in a folder.
class TestCa {
 public:
  // Returns nothing when the openssl command is missing or fails. The test must then be skipped.
  static std::optional<TestCa> Make(const std::string& folder, const std::string& name);

  // Returns a certificate for the host "arkshare-test", its key, and this CA.
  std::optional<TlsOptions> Issue(const std::string& name) const { return IssueFor(name, 2); }
  // The same, but the certificate has expired yesterday.
  std::optional<TlsOptions> IssueExpired(const std::string& name) const {
    return IssueFor(name, -1);
  }
  const std::string& ca_file() const { return ca_file_; }

 private:
  std::optional<TlsOptions> IssueFor(const std::string& name, int days) const;
  TestCa(std::string folder, std::string ca_file, std::string ca_key_file);

  std::string folder_;
  std::string ca_file_;
  std::string ca_key_file_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_TESTING_TLS_FILES_H_
