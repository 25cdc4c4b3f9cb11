// The table of peers and their books on the terminal of the index.
#ifndef ARKSHARE_SERVICES_INDEX_TABLE_PRINTER_H_
#define ARKSHARE_SERVICES_INDEX_TABLE_PRINTER_H_

#include <cstdio>
#include <string>
#include <thread>

#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"

namespace arkshare {

// Returns at most 50 peers with 10 books each, then how many more there are, then
// "--- Active Connections : N ---".
std::string FormatTable(const CatalogTable& table);

// Prints after every change, on its own thread, so that a slow terminal never delays a call.
// Changes that come while it prints are shown together. Thread-safe.
class TablePrinter {
 public:
  // Prints nothing before Start.
  explicit TablePrinter(std::FILE* file) : file_(file) {}
  ~TablePrinter();

  void Start(const Catalog* catalog);
  void Changed();
  // Prints the last changes, and stops.
  void Stop();

 private:
  void Run(const Catalog* catalog);

  std::FILE* const file_;
  Mutex mutex_;
  CondVar changed_cv_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TABLE_PRINTER_H_
