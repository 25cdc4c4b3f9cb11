// Certificates for tests, made by the openssl command.
#ifndef ARKSHARE_LIB_RPC_TESTING_TLS_FILES_H_
#define ARKSHARE_LIB_RPC_TESTING_TLS_FILES_H_

#include <optional>
#include <string>

#include "lib/rpc/credentials.h"

namespace arkshare {

// A certificate authority of its own, in a folder.
class TestCa {
 public:
  // Nothing when the openssl command is missing or fails: skip the test.
  static std::optional<TestCa> Make(const std::string& folder, const std::string& name);

  // A certificate (for the host "arkshare-test"), its key, and this CA as the one to believe.
  std::optional<TlsOptions> Issue(const std::string& name) const;
  const std::string& ca_file() const { return ca_file_; }

 private:
  TestCa(std::string folder, std::string ca_file, std::string ca_key_file);

  std::string folder_;
  std::string ca_file_;
  std::string ca_key_file_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_TESTING_TLS_FILES_H_
