// The TLS files of a program.
#ifndef ARKSHARE_LIB_RPC_TLS_OPTIONS_H_
#define ARKSHARE_LIB_RPC_TLS_OPTIONS_H_

#include <string>

namespace arkshare {

// Paths of PEM files: all three or none.
struct TlsOptions {
  std::string cert_file;  // this program's certificate
  std::string key_file;   // its private key, without a passphrase
  std::string ca_file;    // the CA that signs the certificates of all programs

  bool enabled() const { return !cert_file.empty() || !key_file.empty() || !ca_file.empty(); }
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_TLS_OPTIONS_H_
