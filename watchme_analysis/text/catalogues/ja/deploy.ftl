### デプロイパッケージの検査。

deploy-ready = デプロイできます
deploy-problems = 問題 { $count } 件
deploy-missing-import = { $when ->
    [import] { $place } で { $module } をインポートしていますが
    [call] { $place } で関数の呼び出し時に { $module } をインポートしますが
   *[condition] { $place } で条件によって { $module } をインポートしますが
  }、{ $layers ->
    [some] パッケージにもレイヤーにも
   *[none] パッケージにも
  } { $runtime } ランタイムにもありません。
deploy-removed-import = { $when ->
    [import] { $place } で { $module } をインポートしていますが
    [call] { $place } で関数の呼び出し時に { $module } をインポートしますが
   *[condition] { $place } で条件によって { $module } をインポートしますが
  }、Python から削除されたモジュールであり、{ $runtime } ランタイムにはありません。
deploy-import-case = { $place } で { $module } をインポートしていますが、ファイルは { $file } です。Lambda は大文字と小文字を区別します。
deploy-relative-import = { $place } で { $module } をインポートしていますが、このファイルはパッケージに属さないため、相対インポートは失敗します。
deploy-optional-import = { $place } でインポートする { $module } はありませんが、コードはそのまま続行します。
deploy-missing-name = { $place } で { $name } をインポートしていますが、{ $module } に定義がありません。
deploy-syntax = { $place } に構文エラーがあります: { $reason }
deploy-unparsed = { $file } は検査していません: { $reason }
deploy-unreadable = { $file } を読み取れません: { $reason }
deploy-path-change = { $place } は sys.path に不明なフォルダーを追加します。そのフォルダーのモジュールは、ないものとして扱います。
deploy-no-handler-module = ハンドラーのモジュールがありません。パッケージに { $path } がありません。
deploy-handler-in-folder = ハンドラーのモジュールがありません。パッケージに { $path } がなく、{ $file } があります。フォルダーではなく、その中身を zip にしてください。
deploy-no-handler-function = { $file } の最上位に { $handler } の定義がありません。{ $count ->
    [0] ほかの関数の定義もありません。
   *[other] 定義されている関数: { $functions }
  }
deploy-handler-unknown = { $file } は実行時に名前を作成するため、{ $handler } が定義されるかどうかは不明です。
deploy-async-handler = { $place } の { $handler } は async です。Lambda は完了を待ちません。
deploy-handler-arguments = { $place } の { $handler } は 2 つの引数で呼び出せません。Lambda は event と context を渡します。
deploy-native = { $more ->
    [0] { $file } は { $built } 用ですが、関数は { $needed } で動作します。
   *[other] { $file } とほかの { $more } 件のネイティブモジュールは { $built } 用ですが、関数は { $needed } で動作します。
  }
deploy-native-library = { $more ->
    [0] { $file } は { $built } 用ですが、関数は { $needed } で動作します。使用されていないか、読み込み時に失敗します。
   *[other] { $file } とほかの { $more } 件のライブラリは { $built } 用ですが、関数は { $needed } で動作します。使用されていないか、読み込み時に失敗します。
  }
deploy-zip-size = zip のサイズは { $size } ですが、直接アップロードの上限は { $limit } です。S3 経由でアップロードするか、ファイルを減らしてください。
deploy-unzipped-size = { $layers ->
    [some] パッケージとレイヤー
   *[none] パッケージ
  }の展開後のサイズは { $size } ですが、Lambda の上限は { $limit } です。
deploy-names = { $kind ->
    [outside] パッケージの外を指す名前が { $count } 件あります: { $names }
    [backslashes] バックスラッシュを含む名前が { $count } 件あります。Linux ではフォルダーの区切りになりません: { $names }
    [duplicates] zip に重複したファイルが { $count } 件あります: { $names }
   *[links] フォルダーへのリンク { $count } 件はたどっていません: { $names }
  }
deploy-case-collision = 名前 { $names } は大文字と小文字だけが異なります。macOS と Windows では一方だけが残ります。
deploy-permissions = すべてのユーザーが読み取れる必要がありますが、そうでないファイルが { $count } 件あります: { $names }。モードを 644 にしてください。
deploy-layer-without-python = レイヤー { $layer } に python フォルダーがないため、Lambda はその中のモジュールを見つけられません。
deploy-layer-version = レイヤー { $layer } のモジュールは { $versions } 用であり、{ $runtime } は検索しません。

### デプロイの計画。

deploy-title = 関数 { $function } に新しいコードをデプロイ
deploy-checked = パッケージの検査結果: { $verdict }(確認したモジュール { $count } 個)
deploy-cost = 追加の料金は、{ $count ->
    [0] 関数自体の呼び出し
   *[other] 呼び出し { $count } 回
  }と、バージョン 1 つの保存のみです。
deploy-risk-events = 記録済みのイベント { $count } 件は実際に処理されます。ハンドラーによる書き込みや送信が、もう一度行われます。
deploy-risk-weights = エイリアス { $alias } には重みが設定されています。呼び出しの { $share } が新しいバージョンに、残りが { $others } に送られます。監視する呼び出しとエラーは、すべてのバージョンのものです。
deploy-hint-unseen = 新しいコードが動くことを確認できないため、元に戻します。{ $option } で待ち時間を延ばすか、0 で監視を省いてください。
deploy-risk-untested = 記録済みのイベントがないため、最初の実メッセージが最初のテストになります。--event または --case で指定できます。
deploy-risk-latest = 関数はエイリアスなしで呼び出されています。更新からロールバックまでの間、実メッセージは新しいコードで処理されます。失敗したメッセージは SQS が再配信します。
deploy-way-back = 最初に発行したバージョンに { $function } の現在のコードが残ります。このバージョンは削除しません。
deploy-why-keep = { $function } の現在のコードを、戻り先のバージョンとして発行します。
deploy-why-update = { $function } のコードをパッケージ({ $size })に置き換え、Lambda の更新が完了するまで待ちます。
deploy-why-publish = 新しいコードを、エイリアス { $alias } 用のバージョンとして発行します。
deploy-why-invoke = { $event } で新しいコードを呼び出します。エラーがないこと、バッチに失敗したメッセージがないこと、ログにエラーがないことを確認します。
deploy-why-switch = エイリアス { $alias } の参照先を { $version } から新しいバージョンに切り替えます。
deploy-why-watch = 実際の呼び出し { $count } 回を、最長 { $within } 待ちます。
deploy-why-no-errors = 更新以降、{ $group } にランタイムのエラーが記録されていないことを確認します。
deploy-event-dlq = DLQ { $queue } のメッセージ
deploy-refused = 計画していません。パッケージを修正するか、--skip-check を指定してください。
package-encrypted = 暗号化されています
package-compression = 圧縮方式 (番号 { $number }) が deflate でも無圧縮でもありません
package-ends-early = 途中で途切れています
package-directory-large = ディレクトリが { $mib } MiB を超えています
package-nested = 式の入れ子が深すぎます
package-source-large = サイズが { $mib } MiB を超えています
