// Where the etcd of the index is, and how the index uses it.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_OPTIONS_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_OPTIONS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <string>
#include <vector>

#include "lib/rpc/tls_options.h"

namespace arkshare {

struct EtcdOptions {
  std::vector<std::string> endpoints;  // HOST:PORT
  // Before every key. Ends with a slash.
  std::string prefix = "/arkshare/1/";
  // The files of TLS to etcd: the CA by itself, or all three. The names of the endpoints are
  // checked. Read once, when the log is made.
  TlsOptions tls;
  // Allows plaintext to other machines.
  bool insecure = false;
  // How often revisions that no live replica needs are compacted; zero: never.
  absl::Duration compact = absl::Minutes(5);
};

// Splits the value of --etcd: HOST:PORT, separated by commas. kInvalidField names what is wrong.
absl::StatusOr<std::vector<std::string>> ParseEtcdEndpoints(const std::string& text);

// Checks everything but the contents of the files. kInvalidField names the option and what to do.
absl::Status CheckEtcdOptions(const EtcdOptions& options);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_OPTIONS_H_
