// Large pages for what malloc gives out.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_HUGE_PAGES_H_
#define ARKSHARE_SERVICES_INDEX_STORE_HUGE_PAGES_H_

namespace arkshare {

// Call first in main, with its argv. The index reads memory all over the place, and with pages of
// 4 KiB most of the time goes into finding the page: with those of 2 MiB it takes a third less for
// everything. glibc asks the kernel for them when an environment variable says so before the
// program starts (glibc.malloc.hugetlb in GLIBC_TUNABLES), so the program sets it and starts itself
// anew, in the same process. Does nothing where that is not possible.
void UseHugePages(char** argv);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_HUGE_PAGES_H_
