autocmd BufRead,BufNewFile *.easm setfiletype easm
