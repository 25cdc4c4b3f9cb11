# cmake -DESBUILD=… -DFOLDER=… -DPAGE=… -DOUT=… -P BundlePage.cmake: makes the folder OUT with the page
# PAGE of a folder: PAGE.js with all modules that it imports, the styles and the icon, without comments and
# white space.
file(REMOVE_RECURSE ${OUT})
file(GLOB styles ${FOLDER}/*.css)
file(GLOB pages ${FOLDER}/*.html)
file(GLOB icons ${FOLDER}/*.svg)
execute_process(
  COMMAND ${ESBUILD} --bundle --minify --charset=utf8 --format=esm --log-level=warning --outdir=${OUT}
    ${FOLDER}/${PAGE}.js ${styles}
  COMMAND_ERROR_IS_FATAL ANY)
# An HTML file belongs to the page whose script it loads.
foreach(page ${pages})
  file(STRINGS ${page} loads REGEX "src=\"${PAGE}\\.js\"")
  if(loads)
    file(COPY ${page} DESTINATION ${OUT})
  endif()
endforeach()
file(COPY ${icons} DESTINATION ${OUT})
