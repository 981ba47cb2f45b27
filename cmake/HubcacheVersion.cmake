# hubcache_version(<variable> <source directory> <otherwise>): the version by the latest tag of the clone,
# v1.2.3; behind it 1.2.3+4.gabcdef0, which sorts after it and before the next. Of what is no clone, or has no
# tag, it is the other.
function(hubcache_version variable source otherwise)
  set(version "${otherwise}")
  find_program(GIT git)
  if(GIT AND EXISTS "${source}/.git")
    execute_process(COMMAND "${GIT}" -C "${source}" describe --tags --match "v[0-9]*"
                    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
                    RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
      string(REGEX REPLACE "^v" "" version "${described}")
      string(REGEX REPLACE "-([0-9]+)-(g[0-9a-f]+)$" "+\\1.\\2" version "${version}")
    endif()
  endif()
  set(${variable} "${version}" PARENT_SCOPE)
endfunction()
