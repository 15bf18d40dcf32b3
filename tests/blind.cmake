# bin/blind/: the programs, with statements and functions that have lost every condition
# on the tenant. What they still keep apart, row-level security does: integration.isolation_blind.
# The ingest statement is left as it is: it serves many tenants at once, so policies cannot stand beneath it.
set(blind_dir ${PROJECT_BINARY_DIR}/blind)
set(blind_bin_dir ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/blind)

# hk_blind_copy(name): a copy of the .sql file in which "a.tenant_id = $1" reads "$1 IS NOT DISTINCT FROM $1".
function(hk_blind_copy name)
    cmake_path(GET name PARENT_PATH folder)
    file(MAKE_DIRECTORY ${blind_dir}/${folder})
    add_custom_command(
        OUTPUT ${blind_dir}/${name}
        COMMAND sed -E "s/([a-z_]+\\.)?tenant_id = (\\$1\\b|\\(\\$1\\)\\.tenant_id\\b|[a-z_]+\\.tenant_id\\b)/\\2 IS NOT DISTINCT FROM \\2/g"
                ${PROJECT_SOURCE_DIR}/${name} > ${blind_dir}/${name}
        DEPENDS ${PROJECT_SOURCE_DIR}/${name}
        VERBATIM)
endfunction()

get_target_property(statements api HK_SQL)
add_executable(hookline-api-blind ${PROJECT_SOURCE_DIR}/api/main.c)
foreach(name IN LISTS statements)
    hk_blind_copy(${name})
    add_custom_command(
        OUTPUT ${blind_dir}/${name}.c
        COMMAND embed sql ${name} ${blind_dir}/${name}
        WORKING_DIRECTORY ${blind_dir}
        DEPENDS embed ${blind_dir}/${name})
    target_sources(hookline-api-blind PRIVATE ${blind_dir}/${name}.c)
endforeach()
target_link_libraries(hookline-api-blind PRIVATE hk_flags api hk PkgConfig::jansson)

file(GLOB functions CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/migrations/repeatable/*.sql)
foreach(name IN LISTS functions)
    hk_blind_copy(${name})
endforeach()
set(copies ${functions})
list(TRANSFORM copies PREPEND ${blind_dir}/)
add_custom_command(
    OUTPUT ${blind_dir}/repeatables.c
    COMMAND embed files hk_repeatables ${blind_dir}/repeatables ${copies}
    DEPENDS embed ${copies})
get_target_property(sources hookline SOURCES)
list(FILTER sources INCLUDE REGEX "^[a-z_/]+\\.c$")
list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/api/)
add_executable(hookline-blind ${sources} ${blind_dir}/repeatables.c)
get_target_property(libraries hookline LINK_LIBRARIES)
target_link_libraries(hookline-blind PRIVATE ${libraries})

set_target_properties(hookline-api-blind PROPERTIES OUTPUT_NAME hookline-api RUNTIME_OUTPUT_DIRECTORY ${blind_bin_dir})
set_target_properties(hookline-blind PROPERTIES OUTPUT_NAME hookline RUNTIME_OUTPUT_DIRECTORY ${blind_bin_dir})
file(MAKE_DIRECTORY ${blind_bin_dir})
file(CREATE_LINK ../hookline-worker ${blind_bin_dir}/hookline-worker SYMBOLIC)

add_dependencies(it_isolation hookline-blind hookline-api-blind)
add_test(NAME integration.isolation_blind COMMAND it_isolation)
set_tests_properties(integration.isolation_blind PROPERTIES TIMEOUT 600 RUN_SERIAL ON
                     ENVIRONMENT HOOKLINE_TEST_BIN_DIR=${blind_bin_dir} ENVIRONMENT_MODIFICATION HOOKLINE_TEST_PG=unset:)
