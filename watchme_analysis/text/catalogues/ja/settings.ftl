### シミュレーションで効果が確認された設定。

settings-plan = { $queue } の設定: 「{ $measure }」
settings-reason = ケースの到着を用いた { $count } 回のシミュレーションの平均 (「{ $measure }」の有無) と 95% 信頼区間の半幅:
settings-figure = { $figure ->
    [lost] 処理が失われたメッセージ
    [dead_lettered] デッドレターキューのメッセージ
    [duplicates] 重複
   *[peak_age_s] 最も古いメッセージの経過時間
  }: { $now } から { $then } に変化
settings-cost = 変更自体に費用はかかりません。呼び出しはこれまでどおり実行時間で課金されます。
settings-step = { $resource } の{ $setting ->
    [visibility_timeout_s] 可視性タイムアウト
    [max_receive_count] デッドレターキューまでの受信回数
    [function_timeout_s] 関数のタイムアウト
    [max_concurrency] 最大同時実行数
   *[reserved_concurrency] 予約済み同時実行数
  }: { $has ->
    [nothing] 未設定
   *[value] { $old }
  } → { $gets ->
    [nothing] 未設定
   *[value] { $new }
  }
settings-raised = { $figure ->
    [duplicates] 重複の件数
   *[peak_age_s] 最も古いメッセージの経過時間
  }が増えます。
