# Every third-party library, found once; docs/dependencies.md says why each was chosen. A room links
# what stays behind its door, so a header that leaks fails to compile elsewhere.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(GTest REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(tl-expected REQUIRED)
find_package(date REQUIRED)
find_package(ZLIB REQUIRED)
# The class layout of cpp-httplib depends on the flags that its package was built with: they come from
# its pkg-config file, never from us.
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib=0.11.4)
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

# What every room's headers may show: the Result type, and nlohmann's forward declarations.
add_library(gb_headers INTERFACE)
target_link_libraries(gb_headers INTERFACE tl::expected nlohmann_json::nlohmann_json
                                           Threads::Threads)
