# The snippets that receivers copy from docs/verify/, each where what runs it is installed.

# hk_verify(language program ...): tests/verify/run <language>, if one of the programs is there.
function(hk_verify language)
    find_program(HK_VERIFY_${language} NAMES ${ARGN})
    if(HK_VERIFY_${language})
        add_test(NAME verify.${language} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/verify/run ${language})
        set_tests_properties(verify.${language} PROPERTIES TIMEOUT 300)
    endif()
endfunction()

hk_verify(c gcc)
hk_verify(csharp mcs)
hk_verify(go gccgo-12 go)
hk_verify(java javac)
hk_verify(node node nodejs)
hk_verify(php php)
hk_verify(python python3)
hk_verify(ruby ruby)
hk_verify(shell openssl)

find_program(NODE_PROGRAM NAMES node nodejs)
if(NODE_PROGRAM)
    add_test(NAME verify.zapier COMMAND ${NODE_PROGRAM} ${CMAKE_CURRENT_SOURCE_DIR}/verify/zapier.js)
endif()
