// The TLS files of a program: reading and judging them.
#ifndef ARKSHARE_LIB_RPC_CERTIFICATES_H_
#define ARKSHARE_LIB_RPC_CERTIFICATES_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <openssl/x509.h>

#include <string>

#include "lib/rpc/tls_options.h"

namespace arkshare {

// OK when all three files can be read, are PEM, and the key belongs to the certificate. gRPC would
// check them at the first connection only, and write the error only to its log. kInvalidField names
// the file.
absl::Status CheckTlsFiles(const TlsOptions& tls);

// Returns why other programs refuse the certificate of --tls-cert at `now`, and what to do: it has
// expired, is not valid yet, or is not from the CA of --tls-ca. Returns "" when they accept it, or
// without TLS. A certificate of a member of a group has no trouble: only its key counts.
std::string OwnCertificateTrouble(const TlsOptions& tls, absl::Time now);

// Explains an error of the verification of `certificate` (X509_V_ERR_…; `certificate` may be null),
// such as "has expired on 2026-01-31 12:00 UTC". The subject comes before it.
std::string CertificateErrorInWords(int error, const X509* certificate);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CERTIFICATES_H_
