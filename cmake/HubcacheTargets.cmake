# The options every target of ours shares.
add_library(hubcache_options INTERFACE)
target_compile_options(hubcache_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${HUBCACHE_WERROR}>:-Werror>)
if(HUBCACHE_SANITIZE)
  target_compile_options(hubcache_options INTERFACE
    -fsanitize=${HUBCACHE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(hubcache_options INTERFACE -fsanitize=${HUBCACHE_SANITIZE})
endif()

# In a build with HUBCACHE_UNITY these sources are compiled twelve at once: the headers of Asio, Beast
# and JSON are most of what a source costs. What a module keeps to itself has unique names for it.
function(hubcache_unity target group)
  if(NOT HUBCACHE_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  set(count 0)
  foreach(source IN LISTS ARGN)
    math(EXPR part "${count} / 12")
    math(EXPR count "${count} + 1")
    set_source_files_properties(${source} TARGET_DIRECTORY ${target}
                                PROPERTIES UNITY_GROUP ${group}_${part})
  endforeach()
endfunction()

# hubcache_unit_test(<module> <source>...): one test program a module.
function(hubcache_unit_test module)
  hubcache_test(unit_${module} ${ARGN})
endfunction()

function(hubcache_test name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_link_libraries(${name} PRIVATE test_support hubcache_core hubcache_options GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  hubcache_unity(${name} ${name} ${ARGN})
endfunction()
