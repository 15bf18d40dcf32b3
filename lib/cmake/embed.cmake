# hk_embed_sql(target a.sql ...): each `-- name: x` of a.sql becomes `const struct hk_stmt stmt_x`,
# declared in <folder>/a.sql.h below the build folder.
function(hk_embed_sql target)
    foreach(file IN LISTS ARGN)
        file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${file})
        set(out ${PROJECT_BINARY_DIR}/${name})
        cmake_path(GET out PARENT_PATH folder)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(
            OUTPUT ${out}.c ${out}.h
            COMMAND embed sql ${name} ${out}
            WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
            DEPENDS embed ${CMAKE_CURRENT_SOURCE_DIR}/${file})
        target_sources(${target} PRIVATE ${out}.c ${out}.h)
        set_property(TARGET ${target} APPEND PROPERTY HK_SQL ${name})
    endforeach()
endfunction()

# hk_embed_files(target out array file ...): `const struct hk_file array[]` of names and bytes,
# declared in `out`.h below the build folder, ended by a NULL name.
function(hk_embed_files target out array)
    set(path ${PROJECT_BINARY_DIR}/${out})
    cmake_path(GET path PARENT_PATH folder)
    file(MAKE_DIRECTORY ${folder})
    set(sources ${ARGN})
    list(TRANSFORM sources PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    add_custom_command(
        OUTPUT ${path}.c ${path}.h
        COMMAND embed files ${array} ${path} ${ARGN}
        WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
        DEPENDS embed ${sources})
    target_sources(${target} PRIVATE ${path}.c ${path}.h)
endfunction()
