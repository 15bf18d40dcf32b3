# What every target of ours is compiled with: link the interface library hk_flags PRIVATE.
add_library(hk_flags INTERFACE)
target_compile_features(hk_flags INTERFACE c_std_17)
# The numbered migrations: what the programs ask of a schema is the last one.
file(GLOB HK_MIGRATIONS CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/migrations ${PROJECT_SOURCE_DIR}/migrations/0*.sql)
list(LENGTH HK_MIGRATIONS HK_SCHEMA_VERSION)
target_compile_definitions(hk_flags INTERFACE _GNU_SOURCE HOOKLINE_VERSION="${PROJECT_VERSION}"
                                              HOOKLINE_SCHEMA_VERSION=${HK_SCHEMA_VERSION})
target_include_directories(hk_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include
                                              ${PROJECT_BINARY_DIR})
target_compile_options(hk_flags INTERFACE
    -std=c17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wswitch-enum -Wconversion
    -Wno-sign-conversion -fno-omit-frame-pointer)

if(HK_SANITIZE)
    # Third-party code of the harness is not instrumented; the first finding ends the process.
    target_compile_options(hk_flags INTERFACE -fsanitize=${HK_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(hk_flags INTERFACE -fsanitize=${HK_SANITIZE})
else()
    # assert() stays on: no -DNDEBUG, which CMake puts there.
    set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
    set(CMAKE_C_FLAGS_RELEASE "-O2")
    target_compile_definitions(hk_flags INTERFACE _FORTIFY_SOURCE=2)
    target_compile_options(hk_flags INTERFACE -fstack-protector-strong -fcf-protection -fPIE)
    target_link_options(hk_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
if(HK_FUZZ)
    target_compile_options(hk_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
