# Compiler, linker and sanitizer settings that hold for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(GB_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
option(GB_TIDY "Run clang-tidy with every compilation" OFF)
option(GB_FUZZ "Build the libFuzzer targets" OFF)
option(GB_COVERAGE "Count covered lines" OFF)
# Most of a compilation is headers: several files of a room at once take a third of the time. Not in the daily loop, which
# compiles what changed, and shows that each file stands alone.
option(GB_UNITY "Compile several files of a room as one" OFF)
set(CMAKE_UNITY_BUILD ${GB_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Dev CACHE STRING "" FORCE)
endif()
# Dev: quick to compile, still honest about speed, frames and lines in every report.
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_EXE_LINKER_FLAGS_DEV "")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION_RELEASE ON)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -Wimplicit-fallthrough -Werror)
add_compile_definitions(_FILE_OFFSET_BITS=64)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports false positives of these in the standard library at -O1 and with sanitizers.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
                      -Wno-stringop-overread -Wno-array-bounds -Wno-dangling-pointer)
else()
  # clang (the fuzzers) warns of what the standard library of g++ 12 does to itself.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(GB_UNITY)
  add_compile_options(-Wno-subobject-linkage)  # takes the files of a unit for headers
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(GB_SANITIZE)
  add_compile_options(-fsanitize=${GB_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GB_SANITIZE})
endif()
if(GB_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

find_program(GB_CCACHE ccache)
if(GB_CCACHE AND NOT GB_TIDY)
  # Relative paths, so that a second clone of the same commit hits the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${GB_CCACHE})
endif()
find_program(GB_MOLD mold)
if(GB_MOLD AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-fuse-ld=mold)
endif()
if(GB_TIDY)
  find_program(GB_CLANG_TIDY clang-tidy-19 REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY ${GB_CLANG_TIDY} --quiet --extra-arg=-Wno-unknown-warning-option)
endif()
