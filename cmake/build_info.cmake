# Writes HEADER, what /version tells of this build of SOURCE, only when it has changed: a build without changes compiles
# nothing. The date is of the first build with this commit and tree, or $SOURCE_DATE_EPOCH, as reproducible builds set it.
# Without git nothing is known, and nothing is said.
find_program(GIT git)
set(commit "")
set(tree "")
if(GIT)
  execute_process(COMMAND ${GIT} rev-parse HEAD WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(commit)
  execute_process(COMMAND ${GIT} status --porcelain --untracked-files=no WORKING_DIRECTORY ${SOURCE}
                  OUTPUT_VARIABLE changed ERROR_QUIET)
  set(tree clean)
  if(changed)
    set(tree dirty)
  endif()
else()
  message(STATUS "no commit is known here (no git, or no clone): /version will name none")
endif()

set(what "#define GB_COMMIT \"${commit}\"\n#define GB_TREE_STATE \"${tree}\"\n")
string(TIMESTAMP now "%Y-%m-%dT%H:%M:%SZ" UTC)  # honours SOURCE_DATE_EPOCH
set(before "")
if(EXISTS ${HEADER})
  file(READ ${HEADER} before)
endif()
string(FIND "${before}" "${what}" same)
if(same EQUAL -1 OR DEFINED ENV{SOURCE_DATE_EPOCH})
  set(text "${what}#define GB_BUILD_DATE \"${now}\"\n")
  if(NOT text STREQUAL before)
    file(WRITE ${HEADER} "${text}")
  endif()
endif()
