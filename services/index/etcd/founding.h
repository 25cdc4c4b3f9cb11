// Whether the log in etcd is still the one that this replica has folded.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_FOUNDING_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_FOUNDING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "etcdserverpb/rpc.pb.h"

namespace arkshare {

// The log as a replica remembers it.
struct KnownLog {
  std::string birth;  // empty: it has not seen the log yet
  int64_t head_version = 0;
  int64_t folded = 0;  // revision
  uint64_t beat = 0;   // the last one that was committed
  // A transaction was committed at a revision that was folded already. What is written since may
  // hide all other traces of that.
  bool end_lost = false;
};

// The log as etcd has it, at one revision.
struct FoundLog {
  int64_t revision = 0;
  std::string birth;  // empty: there is none
  int64_t birth_revision = 0;
  int64_t head_version = 0;
  int64_t head_revision = 0;
  std::string head_value;
  uint64_t beat = 0;  // in the key of this replica; 0: there is none
};

enum class Founding {
  kSame,     // go on
  kUnborn,   // write a birth
  kOlder,    // a part of the log is lost: write another birth
  kAnother,  // another replica has written another birth: begin again with it
};

// Pure. The cluster id proves nothing: it is the same after the data was wiped.
Founding JudgeFounding(const KnownLog& known, const FoundLog& found);

// Reads what FoundLog has. `replica_key` is the whole key of this replica.
etcdserverpb::TxnRequest MakeFoundingRead(const std::string& prefix,
                                          const std::string& replica_key);
// nullopt: the answer has not the form that MakeFoundingRead asked for.
std::optional<FoundLog> ReadFounding(const etcdserverpb::TxnResponse& response);
// Writes a birth where there is still the one that was found.
etcdserverpb::TxnRequest MakeBirth(const std::string& prefix, const FoundLog& found,
                                   const std::string& birth);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_FOUNDING_H_
