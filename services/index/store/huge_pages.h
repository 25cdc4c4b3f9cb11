// Huge pages for the memory of malloc.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_HUGE_PAGES_H_
#define ARKSHARE_SERVICES_INDEX_STORE_HUGE_PAGES_H_

namespace arkshare {

// To be called first in main, with its argv. The index reads memory at random, and with pages of
// 4 KiB it spends a third of its time on finding the page. glibc asks the kernel for pages of 2 MiB
// when an environment variable says so before the program starts (glibc.malloc.hugetlb in
// GLIBC_TUNABLES), so the program sets the variable and executes itself again, in the same process.
// Does nothing where that is not possible.
void UseHugePages(char** argv);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_HUGE_PAGES_H_
