# Where Debian expects things: binary, configuration, service, manual, documentation.
install(TARGETS hubcache RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES config/hubcache.toml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/hubcache)
install(FILES config/hubcache.logrotate DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/logrotate.d
        RENAME hubcache)
install(FILES config/hubcache.sysusers DESTINATION lib/sysusers.d RENAME hubcache.conf)
install(FILES config/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Made behind the program by scripts/manual.
set(manual "${PROJECT_BINARY_DIR}/manual")
install(FILES "${manual}/hubcache.1.gz" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES "${manual}/hubcache.toml.5.gz" DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES "${manual}/hubcache.bash" DESTINATION share/bash-completion/completions RENAME hubcache)
install(FILES "${manual}/changelog.gz" "${manual}/changelog.Debian.gz"
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The unit names the binary and the configuration where this prefix has them.
file(READ config/hubcache.service unit)
string(REPLACE "/usr/bin/hubcache" "${CMAKE_INSTALL_FULL_BINDIR}/hubcache" unit "${unit}")
string(REPLACE "/etc/hubcache/" "${CMAKE_INSTALL_FULL_SYSCONFDIR}/hubcache/" unit "${unit}")
file(CONFIGURE OUTPUT hubcache.service CONTENT "${unit}" @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hubcache.service DESTINATION lib/systemd/system)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS config/hubcache.service)
