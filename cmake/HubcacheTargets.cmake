# The options every target of ours shares.
add_library(hubcache_options INTERFACE)
target_compile_options(hubcache_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${HUBCACHE_WERROR}>:-Werror>)
if(HUBCACHE_SANITIZE)
  target_compile_options(hubcache_options INTERFACE
    -fsanitize=${HUBCACHE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(hubcache_options INTERFACE -fsanitize=${HUBCACHE_SANITIZE})
endif()

# hubcache_unit_test(<module> <source>...): one test program a module.
function(hubcache_unit_test module)
  hubcache_test(unit_${module} ${ARGN})
endfunction()

function(hubcache_test name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_link_libraries(${name} PRIVATE hubcache_core hubcache_options GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
