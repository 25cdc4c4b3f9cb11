# cmake -DFOLDER=… -DSYMBOL=… -DOUT=… -P EmbedWebAssets.cmake: writes OUT, a C++ source that carries the
# files of a web page, compressed. SYMBOL is the function that returns them.
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_mjs "${type_js}")
set(type_json "application/json")
set(type_webmanifest "application/manifest+json")
set(type_txt "text/plain; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_png "image/png")
set(type_ico "image/x-icon")

get_filename_component(out_folder ${OUT} DIRECTORY)
file(MAKE_DIRECTORY ${out_folder}/gzip)
file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
set(number 0)
set(bytes "")
set(names "")
set(rows "")
foreach(file ${files})
  string(REGEX MATCH "[^.]*$" ending ${file})
  if(NOT file MATCHES "^[a-z0-9_][a-z0-9_./-]*$" OR file MATCHES "/\\." OR NOT DEFINED type_${ending})
    message(FATAL_ERROR "${FOLDER}/${file} cannot be served: a name has a-z, 0-9, _, - and an ending "
      "that cmake/EmbedWebAssets.cmake knows")
  endif()
  set(compressed ${out_folder}/gzip/${number}.gz)
  # Without the name and the date, so that the same page makes the same program.
  execute_process(COMMAND gzip -9nc ${FOLDER}/${file} OUTPUT_FILE ${compressed} COMMAND_ERROR_IS_FATAL ANY)
  file(SHA256 ${compressed} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  set(name ${SYMBOL}_${number})
  string(APPEND bytes "    \"${name}:\\n.incbin \\\"${compressed}\\\"\\n${name}_end:\\n\"\n")
  string(APPEND names "extern const char ${name}[], ${name}_end[];\n")
  string(APPEND rows "      {\"${file}\", \"${type_${ending}}\",\n"
    "       {${name}, static_cast<size_t>(${name}_end - ${name})}, \"\\\"${hash}\\\"\"},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUT} "// Made by cmake/EmbedWebAssets.cmake.\n"
  "#include <absl/types/span.h>\n\n#include <cstddef>\n#include <vector>\n\n"
  "#include \"lib/http/static_files.h\"\n\n"
  "asm(\".pushsection .rodata\\n\"\n${bytes}    \".popsection\\n\");\n"
  "extern \"C\" {\n${names}}\n\n"
  "namespace arkshare {\n\n"
  "absl::Span<const WebAsset> ${SYMBOL}() {\n"
  "  static const auto* const assets = new std::vector<WebAsset>{\n${rows}  };\n"
  "  return *assets;\n}\n\n}  // namespace arkshare\n")
