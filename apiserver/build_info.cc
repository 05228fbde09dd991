#include "apiserver/build_info.h"

#include "build_info_values.h"  // made with each build: cmake/build_info.cmake

namespace gb::apiserver {

handlers::VersionInfo build_info() {
  return {"v" GB_VERSION, GB_COMMIT, GB_TREE_STATE, GB_BUILD_DATE};
}

}  // namespace gb::apiserver
