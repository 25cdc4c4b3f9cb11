// The table of peers and their books, for people who watch the index's terminal.
#ifndef ARKSHARE_SERVICES_INDEX_TABLE_PRINTER_H_
#define ARKSHARE_SERVICES_INDEX_TABLE_PRINTER_H_

#include <cstdio>
#include <string>
#include <thread>

#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"

namespace arkshare {

// At most 50 peers with 10 books each, then how many more there are, then
// "--- Active Connections : N ---".
std::string FormatTable(const CatalogTable& table);

// Prints after every change, on a thread of its own, so that a slow terminal never holds up a call;
// changes that come while it prints are shown together. Thread-safe.
class TablePrinter {
 public:
  // Prints nothing before Start.
  explicit TablePrinter(std::FILE* file) : file_(file) {}
  ~TablePrinter();

  void Start(const Catalog* catalog);
  void Changed();
  // Prints what is still to be printed, and stops.
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
